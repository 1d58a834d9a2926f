"""What makes videos: one module per provider, all of one protocol."""
