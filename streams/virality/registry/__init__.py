"""Which models there are and which one serves: a fold of `virality.models.v1`."""
