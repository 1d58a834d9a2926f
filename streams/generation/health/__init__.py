"""How providers are, as far as all workers together know."""
