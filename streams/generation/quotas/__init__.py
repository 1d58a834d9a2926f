"""How much a user may have made in a day and in a month."""
