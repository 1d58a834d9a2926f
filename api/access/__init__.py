"""Who may ask what: one table of every address, and the door that keeps to it."""
