"""Faults for projections: projectors, rebuilds and PostgreSQL itself killed, and backups restored.

The tables are then held against a fold of the log that shares no code with what it checks.
"""
