"""Webhooks: signed, sent, tried again, given up. Knows nothing of what they tell."""
