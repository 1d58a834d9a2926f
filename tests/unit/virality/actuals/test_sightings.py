"""Which counts say what became of which open predictions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from schemas.avro_types import TIMESTAMP, frame_schema
from schemas.catalogue import VIRALITY_CHANNELS
from streams.virality.actuals.handler import actual
from streams.virality.actuals.pending import Due, Pending
from streams.virality.actuals.sightings import Scores, of_channels

OUT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_STORY = {
    "_type": pl.String(),
    "prediction_id": pl.String(),
    "video_id": pl.String(),
    "horizon_h": pl.Float64(),
    "source": pl.String(),
}


def made(prediction: str, video: str | None, horizon_h: float | None = 24.0) -> dict[str, Any]:
    return {
        "_type": "PredictionMade",
        "prediction_id": prediction,
        "video_id": video,
        "horizon_h": horizon_h,
    }


def observed(prediction: str, source: str = "observed") -> dict[str, Any]:
    return {"_type": "ActualObserved", "prediction_id": prediction, "source": source}


def pending(*events: dict[str, Any]) -> Pending:
    table = Pending()
    for event in events:
        table.add(pl.DataFrame([event], schema=_STORY))
    return table


def entry(video: str, published: dt.datetime, *counts: tuple[float, int]) -> dict[str, Any]:
    return {
        "video_id": video,
        "published_at": published,
        "observed": [
            {"at": published + dt.timedelta(hours=hours), "views": views} for hours, views in counts
        ],
    }


def channels(*videos: dict[str, Any]) -> pl.DataFrame:
    schema = {"videos": frame_schema(VIRALITY_CHANNELS.schema)["videos"]}
    return pl.DataFrame([{"videos": list(videos)}, {"videos": []}], schema=schema)


def test_predictions_are_open_until_they_are_observed() -> None:
    table = pending(made("p", "v"), made("q", "v", 168.0), made("r", "w"))
    assert table.of(["v", "x"]) == {"v": [Due("p", 24.0), Due("q", 168.0)]}
    table.add(pl.DataFrame([observed("p")], schema=_STORY))
    assert table.of(["v", "w"]) == {"v": [Due("q", 168.0)], "w": [Due("r", 24.0)]}
    table.add(pl.DataFrame([observed("r"), made("p", "v"), made("r", "w")], schema=_STORY))
    assert table.of(["v", "w"]) == {"v": [Due("q", 168.0)]}


def test_what_a_user_says_does_not_close_a_prediction() -> None:
    assert len(pending(made("p", "v"), observed("p", "given"))) == 1


def test_an_observation_may_stand_before_its_prediction() -> None:
    assert len(pending(observed("p"), made("p", "v"))) == 0


def test_a_prediction_without_a_video_or_an_age_is_never_observed() -> None:
    assert len(pending(made("p", None), made("q", "v", None), made("r", "v", 0.0))) == 0


def test_channels_say_what_they_have_of_videos_that_somebody_asked_about() -> None:
    moved = OUT + dt.timedelta(hours=3)
    rows = channels(
        entry("v", OUT, (1, 10), (30, 90)),
        entry("v", moved, (40, 100)),
        entry("other", OUT, (30, 5)),
    )
    ((seen, due),) = of_channels(rows, pending(made("p", "v"), made("q", "absent")))
    assert (seen.video_id, seen.published, due) == ("v", moved, [Due("p", 24.0)])
    assert [count.views for count in seen.counts] == [100]
    assert list(of_channels(rows, pending())) == []


def scores(*rows: tuple[str, float, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"video_id": video, "as_of": OUT + dt.timedelta(hours=hours), "views": views}
            for video, hours, views in rows
        ],
        schema={"video_id": pl.String(), "as_of": TIMESTAMP, "views": pl.Int64()},
    )


def test_scores_are_held_against_the_count_before_them() -> None:
    seen, open_ = Scores(), pending(made("p", "v"), made("q", "w"))

    def published(videos: Any) -> dict[str, dt.datetime]:
        return {video: OUT for video in videos if video == "v"}

    def views(*rows: tuple[str, float, int]) -> list[list[int]]:
        found = seen.of(scores(*rows), open_, published)
        return [[count.views for count in sighting.counts] for sighting, _ in found]

    assert views(("v", 3, 10), ("w", 3, 7), ("nobody's", 3, 1)) == [[10]]
    assert views(("v", 30, 90)) == [[10, 90]]
    open_.add(pl.DataFrame([observed("p")], schema=_STORY))
    assert views(("v", 31, 95)) == []
    assert list(seen._before) == ["w"]


def test_the_same_prediction_has_the_same_event() -> None:
    once, again = actual(Due("p", 24.0), 7, OUT), actual(Due("p", 24.0), 8, OUT)
    assert once["event_id"] == again["event_id"]
    assert actual(Due("q", 24.0), 7, OUT)["event_id"] != once["event_id"]
    assert once["occurred_at"] == OUT + dt.timedelta(hours=24)
