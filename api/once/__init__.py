"""Writes that are sent again: done once, answered the same."""
