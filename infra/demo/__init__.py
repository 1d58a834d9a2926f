"""The demonstration: a made-up platform through the whole pipeline, and what came out of it."""
