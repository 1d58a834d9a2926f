"""The work queue under the deciders: procrastinate, in the same PostgreSQL. Knows no work."""
