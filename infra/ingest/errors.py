"""What can be wrong with a file as a whole; a bad row is no error, it is counted."""

from __future__ import annotations


class IngestError(Exception):
    """A file cannot be used; the message says which, why, and what was expected."""
