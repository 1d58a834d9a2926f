"""A model whose every answer can be told in advance."""

from __future__ import annotations

from typing import Any

import polars as pl

from streams.virality.models.forecaster import Answer, Reason, Recommendation

FACTS = {
    "source": "registry",
    "name": "stand-in",
    "compiled": False,
    "trained_on": {"seed": 1},
    "registered": 1,
    "shadow": None,
    "registered_at": None,
    "promoted_at": None,
    "promoted_because": None,
    "trained_since": None,
    "trained_until": None,
    "metrics": {"mae": 0.2},
}


class StandIn:
    """100 views a second of length, 10 for each earlier video's views, and everything observed.

    It would take likes into account wherever it was shown any. A title "bad" breaks it.
    """

    version = "stand-in-1"

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        if (moments["title"] == "bad").any():
            raise ArithmeticError("bad")
        rows = []
        for moment in moments.iter_rows(named=True):
            views = 100.0 * moment["duration_s"]
            views += sum(10 * (one["views"] or 0) for one in moment["history"])
            views += sum(
                (one["views"] or 0) + 1000 * (one["likes"] or 0) for one in moment["observed"]
            )
            row: dict[str, Any] = {}
            age = (moment["at"] - moment["published_at"]).total_seconds() / 3600
            for times, (name, hours) in enumerate((("24h", 24), ("7d", 168), ("30d", 720)), 1):
                middle = views * times if age < hours else None
                for end, by in (("", 1.0), ("_lower", 0.5), ("_upper", 2.0)):
                    row[f"predicted_views_{name}{end}"] = middle and middle * by
            stage = "after" if moment["observed"] else "before"
            rows.append({**row, "score": 25.0, "stage": stage})
        return pl.DataFrame(rows, infer_schema_length=None)

    def answer(self, moments: pl.DataFrame) -> Answer:
        return Answer(
            self.forecast(moments),
            [[Reason("length", 0.1, f"{seconds} s long")] for seconds in moments["duration_s"]],
            [[Recommendation("duration_s", 1, 2, 1.0, "make it longer")]] * moments.height,
        )


class StandInModels:
    def __init__(self) -> None:
        self.model = StandIn()
        self.beside: StandIn | None = None

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def serving(self) -> StandIn:
        return self.model

    def shadow(self) -> StandIn | None:
        return self.beside

    def facts(self) -> dict[str, Any]:
        return {**FACTS, "shadow": self.beside and self.beside.version}

    def refused(self) -> dict[str, str]:
        return {}
