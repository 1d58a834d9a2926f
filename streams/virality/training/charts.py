"""The data of the default model: daily charts of 30 countries and a panel of charted videos."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from streams.virality.moments_of.charts import from_chart
from streams.virality.training.train import Data

FILES = (
    "trending_videos.parquet",
    "trending_snapshots.parquet",
    "trending_daily_panel_2025.parquet",
)

# Known of the panel's 1,892 videos alone, all of early 2025: a model would learn what is special
# about them, and meet it in every request that tells its length.
LEFT_OUT = ("duration", "is_short", "channel_format")

NOTES = (
    "Every video in the data reached a chart of its country, so forecasts are of videos that do. "
    "Of an ordinary video, above all one of a channel of which nothing is known, they are far too "
    "high, and no band can tell that. Train on your own log as soon as it has enough.",
    "Charts count a video daily while it is listed: a few hours old at the earliest, and seldom "
    "beyond 15 days. 24 h and 7 d are learned from many videos. At 30 d few were still listed: the "
    "forecast extrapolates, and its band is widened as uncertainty grew within the data.",
    "Channel histories are of charted videos too. Subscribers are not known. Length is left out: "
    "the data has it for too few videos.",
    "The panel's counts carry a date; they count as taken when that day's charts were.",
    "Made by: groundswell train default ../shared/data streams/virality/models/default",
)


def chart_data(folder: Path) -> Data:
    """Videos and counts of the charts' files.

    Panel counts carry a date; they were taken when that day's charts were.

    Args:
        folder: with `FILES`.

    Raises:
        FileNotFoundError: one of them is not there.
        UnusableTableError: one has not the columns that it should have.
    """
    videos, snapshots, panel = (pl.read_parquet(folder / name) for name in FILES)
    taken = snapshots.group_by("date").agg(pl.col("captured_at").median())
    followed = panel.join(taken, on="date").select(
        "video_id", "views", "likes", "comments", "captured_at"
    )
    counts = pl.concat([snapshots.select(followed.columns), followed])
    chart = from_chart(videos, counts)
    return Data(
        chart.videos,
        chart.observations,
        source="daily charts of 30 countries, 2025-02-23 to 2026-06-30, and a panel of 1,892 "
        "charted videos followed for up to 15 days (github.com/gpsyrou/tube-virality, MIT)",
        facts={"refused": chart.refused},
    )
