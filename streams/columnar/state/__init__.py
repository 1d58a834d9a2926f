"""State by slot: one row per key, in arrays that cost what a chunk's keys cost."""
