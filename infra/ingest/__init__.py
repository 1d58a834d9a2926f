"""Files with real data into the log: read, mapped to events, checked, published, counted."""
