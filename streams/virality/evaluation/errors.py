"""What can be wrong with the data of an evaluation as a whole; single bad rows are counted."""

from __future__ import annotations


class EvaluationError(Exception):
    """An evaluation cannot be made; the message says of what, why, and what was expected."""
