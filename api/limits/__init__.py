"""How many requests one may make, counted in Redis, by all processes together."""
