"""The relay, its broker and its PostgreSQL killed: repeats are allowed, losses are not."""
