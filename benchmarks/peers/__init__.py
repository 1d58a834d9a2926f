"""Each peer is a script of its own: it reads the topic and prints one JSON line."""
