"""Models of how far a video spreads: boosted trees, and bands that cover what they say."""
