"""Speed as a ratio: ours and the peers' in the same run, on the same machine and topic."""
