"""The statements of builds."""

from __future__ import annotations

from schemas.sql import beside

STATEMENTS = beside(__file__)
