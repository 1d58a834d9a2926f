"""From requests in the log to queued jobs."""
