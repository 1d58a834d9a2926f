"""A video platform made up from a seed: channels, videos, viewers, and what they do."""
