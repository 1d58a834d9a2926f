"""Rules about events, as expressions over frames.

A rule looks only at the event and at the time the log gave it, never at a clock, so that a replay
judges as the first run did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Rule:
    """A condition that every event of a topic keeps.

    Attributes:
        broken: true where the event breaks it; null counts as kept.
        message: what is wrong and what was expected.
    """

    columns: tuple[str, ...]
    broken: pl.Expr
    message: str


def violations(every: Sequence[Rule], frame: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Rows that break a rule, with the first reason of each.

    Args:
        frame: decoded events with `_timestamp`; rules about absent columns are passed over.

    Yields:
        Row number and reason.
    """
    rules = [rule for rule in every if set(rule.columns) <= set(frame.columns)]
    if not rules or frame.is_empty():
        return
    broken = [rule.broken.fill_null(value=False) for rule in rules]
    if not frame.select(pl.any_horizontal(broken).any()).item():
        return
    first = pl.coalesce(
        pl.when(expression).then(pl.lit(rule.message))
        for rule, expression in zip(rules, broken, strict=True)
    )
    reasons = frame.select(pl.int_range(pl.len()).alias("row"), first.alias("reason"))
    yield from reasons.filter(pl.col("reason").is_not_null()).iter_rows()
