"""Read models: an engine, and one module per read model with its SQL beside it."""
