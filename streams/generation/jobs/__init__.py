"""A job's life: what may follow what, its place in the queue, and how its story is told."""
