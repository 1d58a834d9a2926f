"""Generation work: requests become jobs, jobs become videos, each dispatched and ended once."""
