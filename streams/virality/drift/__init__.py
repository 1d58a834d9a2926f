"""Whether a model's errors have changed since it began to serve."""
