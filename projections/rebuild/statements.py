"""The statements of builds."""

from __future__ import annotations

from projections.sql import beside

STATEMENTS = beside(__file__)
