"""SQL beside the code that runs it: the reader of `schemas.sql`, under the name used here."""

from __future__ import annotations

from schemas.sql import Statements, beside

__all__ = ["Statements", "beside"]
