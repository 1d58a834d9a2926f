"""Forecasts laid over transparent scores, where uploads are known."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from schemas.avro_types import frame_schema
from schemas.catalogue import VIDEO_UPLOADS, VIRALITY_CHANNELS
from streams.columnar.fold import numbered
from streams.virality.engaged import EngagedForecasts
from streams.virality.fold import ViralityFold
from streams.virality.reference.channels import Channels
from streams.virality.reference.uploads import Uploads
from streams.virality.score import MODEL_VERSION
from tests.unit.virality.forecasts.snapshots import DAY_0
from tests.unit.virality.forecasts.stand_in import Model
from tests.unit.virality.test_fold import frame


def upload(video: str, **facts: Any) -> dict[str, Any]:
    return {
        "event_id": f"u-{video}",
        "occurred_at": DAY_0,
        "video_id": video,
        "channel_id": "c",
        "title": f"Title of {video}",
        "description": "See https://a.example and www.b.example",
        "tags": ["x", "y"],
        "published_at": DAY_0,
        **facts,
    }


def told(*uploads: dict[str, Any], gone: dict[int, str] | None = None) -> Uploads:
    table = Uploads()
    rows = [{"_offset": number, **one} for number, one in enumerate(uploads)]
    schema = {"_offset": pl.Int64(), **frame_schema(VIDEO_UPLOADS.schema)}
    table.add(pl.DataFrame(rows, schema=schema), gone)
    return table


def state(videos: dict[str, int], hours: float = 2.0) -> pl.DataFrame:
    """State rows of videos with so many views, the last at an age of `hours`."""
    events = [
        {
            "video_id": video,
            "occurred_at": DAY_0 + dt.timedelta(hours=hours * (number + 1) / views),
            "kind": "view",
        }
        for video, views in videos.items()
        for number in range(views)
    ]
    keys, chunk = numbered(frame(events), "video_id")
    fold = ViralityFold()
    empty = pl.DataFrame(schema=fold.state).clear(len(keys)).with_columns(keys)
    return fold(empty, chunk).rows


def rendered(forecasts: EngagedForecasts, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    found = ViralityFold(forecasts).render(rows)
    return {row["video_id"]: row for row in found.iter_rows(named=True)}


def test_a_known_video_has_a_forecast_and_an_unknown_one_its_transparent_score() -> None:
    model = Model()
    forecasts = EngagedForecasts(model, told(upload("a")), Channels())
    rows = state({"a": 10, "b": 10})
    found = rendered(forecasts, rows)
    assert (found["a"]["model_version"], found["a"]["predicted_views_7d"]) == ("stand-in-1", 20.0)
    assert found["a"]["score"] == 50.0
    assert found["a"]["reasons"] == ["Title of a is a good title"]
    plain = ViralityFold().render(rows).filter(video_id="b").row(0, named=True)
    assert found["b"] == plain
    assert plain["model_version"] == MODEL_VERSION
    (moments,) = model.asked
    (moment,) = moments.to_dicts()
    assert (moment["links"], moment["tag_count"], moment["tags"]) == (2, 2, ["x", "y"])
    assert [one["views"] for one in moment["observed"]] == [10]


def test_without_uploads_rows_are_as_they_were() -> None:
    rows = state({"a": 3, "b": 4})
    none = ViralityFold(EngagedForecasts(Model(), Uploads(), Channels())).render(rows)
    assert_frame_equal(none, ViralityFold().render(rows))
    strangers = EngagedForecasts(Model(), told(upload("z")), Channels())
    assert_frame_equal(ViralityFold(strangers).render(rows), none)


def test_state_does_not_depend_on_what_is_known() -> None:
    rows = state({"a": 3, "b": 4})
    fold = ViralityFold(EngagedForecasts(Model(), told(upload("a")), Channels()))
    assert_frame_equal(fold.render(rows).select(rows.columns), rows)


def test_a_forecast_is_made_anew_when_views_or_age_have_grown_by_a_tenth() -> None:
    model = Model()
    forecasts = EngagedForecasts(model, told(upload("a")), Channels())
    for views, hours, made in (
        (100, 2.0, 1),
        (105, 2.1, 1),
        (111, 2.1, 2),
        (112, 2.2, 2),
        (112, 2.35, 3),
    ):
        found = rendered(forecasts, state({"a": views}, hours))
        assert len(model.asked) == made
    assert found["a"]["predicted_views_7d"] == 224.0
    assert found["a"]["views"] == 112


def test_a_new_model_takes_over_at_the_next_row() -> None:
    model = Model()
    forecasts = EngagedForecasts(model, told(upload("a")), Channels())
    rows = state({"a": 10})
    assert rendered(forecasts, rows)["a"]["model_version"] == "stand-in-1"
    model.version = "stand-in-2"
    assert rendered(forecasts, rows)["a"]["model_version"] == "stand-in-2"
    assert len(model.asked) == 2


def test_of_many_those_that_grew_most_come_first_and_the_others_next_time() -> None:
    model = Model()
    videos = {f"v{number}": number + 1 for number in range(30)}
    forecasts = EngagedForecasts(
        model, told(*(upload(video) for video in videos)), Channels(), budget=10
    )
    rows = state(videos)
    for turn in range(1, 4):
        found = rendered(forecasts, rows)
        have = {video for video, row in found.items() if row["model_version"] != MODEL_VERSION}
        assert have == {f"v{number}" for number in range(30 - 10 * turn, 30)}
    rendered(forecasts, rows)
    assert len(model.asked) == 3


def test_a_video_before_publication_or_past_the_horizons_keeps_its_transparent_score() -> None:
    model = Model()
    late = dt.timedelta(days=1)
    forecasts = EngagedForecasts(
        model,
        told(
            upload("early", published_at=DAY_0 + late),
            upload("old", published_at=DAY_0 - 31 * late),
        ),
        Channels(),
    )
    found = rendered(forecasts, state({"early": 3, "old": 3}))
    assert {row["model_version"] for row in found.values()} == {MODEL_VERSION}
    assert not model.asked


def test_what_the_model_refuses_keeps_its_transparent_score() -> None:
    forecasts = EngagedForecasts(
        Model(refuses="b"), told(upload("a"), upload("b"), upload("d")), Channels()
    )
    found = rendered(forecasts, state({"a": 3, "b": 3, "d": 3}))
    assert {video: row["model_version"] for video, row in found.items()} == {
        "a": "stand-in-1",
        "b": MODEL_VERSION,
        "d": "stand-in-1",
    }


def test_of_uploads_the_newest_counts_and_a_tombstone_takes_one_away() -> None:
    older, newer = DAY_0 - dt.timedelta(hours=2), DAY_0 + dt.timedelta(hours=1)
    uploads = told(
        upload("a", occurred_at=newer, title="new"),
        upload("a", occurred_at=older, title="old"),
        upload("b"),
        upload("d"),
        gone={2: "b", 9: "d", 10: "never"},
    )
    names = pl.Series(["a", "b", "d", "never"])
    assert (uploads.known(names).slots >= 0).tolist() == [True, False, False, False]
    assert uploads.rows(names)["title"].to_list() == ["new", None, None, None]
    uploads.add(
        pl.DataFrame(
            [{"_offset": 11, **upload("d", title="again")}],
            schema={"_offset": pl.Int64(), **frame_schema(VIDEO_UPLOADS.schema)},
        )
    )
    assert uploads.rows(names)["title"].to_list() == ["new", None, "again", None]


def test_histories_hold_nothing_that_was_observed_later() -> None:
    seen = DAY_0 - dt.timedelta(hours=5)
    videos = [
        {
            "video_id": name,
            "published_at": published,
            "category": "1",
            "duration_s": 5,
            "observed": [
                {"at": at, "views": views, "likes": None, "comments": None, "stored_at": at}
                for at, views in ((seen - dt.timedelta(hours=1), 5), (last, 9))
            ],
        }
        for name, published, last in (
            ("earlier", seen - dt.timedelta(days=1), seen),
            ("later seen", seen - dt.timedelta(days=1), DAY_0 + dt.timedelta(days=3)),
            ("younger", DAY_0 + dt.timedelta(hours=1), seen),
            ("a", DAY_0 - dt.timedelta(hours=9), seen),
        )
    ]
    schema = {
        **{
            name: dtype
            for name, dtype in frame_schema(VIRALITY_CHANNELS.schema).items()
            if name in ("channel_id", "videos", "applied_offset")
        },
        "_timestamp": pl.Datetime("us", "UTC"),
    }
    channels = Channels()
    for offset, some in ((7, videos), (3, [])):  # a late writer's row is behind
        row = {"channel_id": "c", "videos": some, "applied_offset": offset, "_timestamp": DAY_0}
        channels.add(pl.DataFrame([row], schema=schema))
    model = Model()
    rendered(EngagedForecasts(model, told(upload("a")), channels), state({"a": 3}))
    (moment,) = model.asked[0].to_dicts()
    (one,) = moment["history"]
    assert (one["video_id"], one["views"], one["first_views"]) == ("earlier", 9, 5)
