"""How far and how fast a video spreads: totals, decayed rates, a score."""
