"""The evaluation of the next day's growth."""

from __future__ import annotations

import datetime as dt
import math

import polars as pl
import pytest

from streams.virality.evaluation import next_day
from streams.virality.moments_of.charts import from_chart
from tests.unit.virality.evaluation.made_charts import made_charts


def test_it_finds_what_is_there() -> None:
    facts = next_day.evaluate(*made_charts(), dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 5))
    baselines = facts["baselines"]
    assert facts["ours"]["mae_ln"] < min(other["mae_ln"] for other in baselines.values())
    assert facts["ours"]["r2"] > 0.6
    assert baselines["no_growth"]["r2"] < 0
    assert 0.85 < facts["band"]["coverage"] < 0.96
    assert facts["ours"]["rows"] == facts["rows"]["test"]


def test_outcomes_are_growth_until_the_next_day_recounts_and_all() -> None:
    videos = pl.DataFrame(
        {
            "video_id": ["v"],
            "channel_id": ["c"],
            "title": [""],
            "published_at": [dt.datetime(2026, 1, 1)],
        }
    )
    hours = (6, 30, 54, 60, 84, 200, 224)
    views = (100, 200, 150, None, 0, 50, 100)
    snapshots = pl.DataFrame(
        {
            "video_id": "v",
            "captured_at": [dt.datetime(2026, 1, 1) + dt.timedelta(hours=h) for h in hours],
            "views": views,
        }
    )
    rows, refused = next_day.next_counts(from_chart(videos, snapshots))
    assert rows["horizon_h"].to_list() == [30, 54, 224]
    assert rows["outcome"].to_list() == pytest.approx([math.log(2), math.log(0.75), math.log(2)])
    assert refused == {
        "observations without views": 2,
        "observations that are the last of their video": 1,
        "observations not followed within 12 to 36 h": 1,
    }
