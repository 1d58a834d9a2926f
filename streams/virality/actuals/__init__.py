"""What became of predictions: observed counts at the age that was predicted for."""
