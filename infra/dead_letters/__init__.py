"""Dead letters as they lie in their topics: listed, driven again, dropped."""
