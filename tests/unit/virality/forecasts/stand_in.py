"""A model for tests: its answers can be worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from streams.virality.forecasts.model import HORIZONS


@dataclass(frozen=True)
class Said:
    text: str


@dataclass
class Model:
    """Twice the views at every horizon that is ahead, within a factor of three."""

    version: str = "stand-in-1"
    asked: list[pl.DataFrame] = field(default_factory=list)
    refuses: str = ""  # a video

    @property
    def serving(self) -> Model:
        return self

    def forecast(self, moments: pl.DataFrame) -> pl.DataFrame:
        if (moments["video_id"] == self.refuses).any():
            raise ValueError("not that one")
        self.asked.append(moments)
        views = pl.col("observed").list.last().struct.field("views")
        age_h = (pl.col("at") - pl.col("published_at")).dt.total_seconds() / 3600
        ahead = {"24h": 24, "7d": 168, "30d": 720}
        factors = {"": 2.0, "_lower": 2 / 3, "_upper": 6.0}
        history = pl.col("history").list.len()
        return moments.select(
            *(
                pl.when(age_h < ahead[horizon])
                .then(views.fill_null(100) * factor)
                .cast(pl.Float64)
                .alias(f"predicted_views_{horizon}{end}")
                for horizon in HORIZONS
                for end, factor in factors.items()
            ),
            score=(history.cast(pl.Float64) + 50),
            stage=pl.when(views.is_null()).then(pl.lit("before")).otherwise(pl.lit("after")),
        )

    def explain(self, moments: pl.DataFrame, top: int = 5) -> list[list[Said]]:
        return [[Said(f"{title} is a good title")] for title in moments["title"]]
