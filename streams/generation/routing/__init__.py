"""Which provider a job goes to."""
