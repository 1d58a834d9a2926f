"""Decisions under rules: deciders, their store, and the relay to a topic. Knows nothing of jobs."""
