"""Totals and decayed rates: order, chunking and lateness do not matter."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_types import TIMESTAMP, frame_schema
from schemas.catalogue import VIRALITY_SCORES
from streams.columnar.fold import numbered
from streams.columnar.hyperloglog import STANDARD_ERROR, estimated
from streams.virality.decay import TIME_CONSTANTS
from streams.virality.fold import ViralityFold, unique_viewers

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KINDS = ["view", "like", "unlike", "dislike", "comment", "share", "save", "impression"]
FOLD = ViralityFold()
VIEWERS = [f"u{n}" for n in range(20)]  # no two of them share a register
EVENTS = {
    "video_id": pl.String,
    "channel_id": pl.String,
    "viewer_id": pl.String,
    "occurred_at": TIMESTAMP,
    "kind": pl.Enum(KINDS),
    "watch_ms": pl.Int32,
    "_offset": pl.Int64,
}

events = st.lists(
    st.fixed_dictionaries(
        {
            "video_id": st.sampled_from(["a", "b", "c"]),
            "viewer_id": st.none() | st.sampled_from(VIEWERS),
            "occurred_at": st.integers(0, 90 * 86400).map(
                lambda s: START + dt.timedelta(seconds=s)
            ),
            "kind": st.sampled_from(KINDS),
            "watch_ms": st.none() | st.integers(0, 10**6),
        }
    ),
    min_size=1,
    max_size=40,
)


def frame(records: list[dict[str, Any]]) -> pl.DataFrame:
    common = {"channel_id": "c", "viewer_id": None}
    full = [{**common, "_offset": n, **record} for n, record in enumerate(records)]
    return pl.DataFrame(full, schema=EVENTS)


def first_rows(records: list[dict[str, Any]]) -> pl.DataFrame:
    keys, chunk = numbered(frame(records), "video_id")
    empty = pl.DataFrame(schema=FOLD.state).clear(len(keys))
    return FOLD(empty.with_columns(video_id=pl.Series(keys)), chunk).rows


def folded(records: list[dict[str, Any]], cuts: list[int]) -> dict[str, dict[str, Any]]:
    rows = pl.DataFrame(schema=FOLD.state)
    edges = sorted({0, *(cut for cut in cuts if cut < len(records)), len(records)})
    for start, end in itertools.pairwise(edges):
        chunk = frame(records[start:end])
        keys, chunk = numbered(chunk, "video_id")
        touched = pl.DataFrame({"video_id": keys}).join(
            rows, on="video_id", how="left", maintain_order="left"
        )
        new = FOLD(touched, chunk).rows
        rows = pl.concat([rows.filter(~pl.col("video_id").is_in(keys)), new])
    rows = rows.with_columns(unique_viewers(rows))
    return {row["video_id"]: row for row in rows.iter_rows(named=True)}


def by_hand(records: list[dict[str, Any]], video: str) -> dict[str, Any]:
    mine = [record for record in records if record["video_id"] == video]
    as_of = max(record["occurred_at"] for record in mine)

    def count(kind: str) -> int:
        return sum(record["kind"] == kind for record in mine)

    return {
        "as_of": as_of,
        "views": count("view"),
        "likes": count("like") - count("unlike"),
        "comments": count("comment"),
        "watch_ms": sum(record["watch_ms"] or 0 for record in mine),
        "unique_viewers": len(
            {record["viewer_id"] for record in mine if record["kind"] == "view"} - {None}
        ),
        **{
            f"views_{suffix}": sum(
                math.exp(-(as_of - record["occurred_at"]).total_seconds() / tau)
                for record in mine
                if record["kind"] == "view"
            )
            for suffix, tau in TIME_CONSTANTS.items()
        },
    }


@given(events, st.lists(st.integers(1, 40), max_size=6), st.randoms(use_true_random=False))
def test_any_order_and_any_chunking_gives_what_the_definition_gives(
    records: list[dict[str, Any]], cuts: list[int], rng: Any
) -> None:
    shuffled = list(records)
    rng.shuffle(shuffled)
    for found in (folded(records, cuts), folded(shuffled, cuts), folded(shuffled, [])):
        for video, row in found.items():
            for name, expected in by_hand(records, video).items():
                if isinstance(expected, float):
                    assert row[name] == pytest.approx(expected, rel=1e-9, abs=1e-12)
                else:
                    assert row[name] == expected
    sketches = [
        {video: row["viewers"] for video, row in folded(*how).items()}
        for how in ((records, cuts), (shuffled, cuts), (shuffled, []))
    ]
    assert sketches[0] == sketches[1] == sketches[2]


def test_unique_viewers_are_those_of_views_within_the_error_of_a_sketch() -> None:
    rng = random.Random(3)
    records = [
        {
            "video_id": "a",
            "viewer_id": f"viewer{rng.randrange(8_000):08d}",
            "occurred_at": START,
            "kind": rng.choice(["view", "view", "like"]),
        }
        for _ in range(12_000)
    ]
    views = [record["viewer_id"] for record in records if record["kind"] == "view"]
    distinct = len(set(views))
    row = folded(records, [1, 500, 7_000])["a"]
    assert row["views"] == len(views) > distinct
    assert row["unique_viewers"] == pytest.approx(distinct, rel=4 * STANDARD_ERROR)


def test_unique_viewers_are_never_more_than_the_views() -> None:
    viewers = [f"v{n}" for n in range(3_000)]
    rows = first_rows(
        [
            {"video_id": video, "viewer_id": viewer, "occurred_at": START, "kind": "view"}
            for number, viewer in enumerate(viewers)
            for video in (f"first{number // 300}", f"second{number // 100}")
        ]
    )
    rendered = FOLD.render(rows)
    assert (estimated(rows["viewers"]) > rows["views"].to_numpy() + 1).any()
    assert (rendered["unique_viewers"] <= rendered["views"]).all()


def test_unlikes_take_likes_back_even_before_they_arrive() -> None:
    kinds = ["unlike", "like", "like", "unlike", "unlike"]
    records = [{"video_id": "a", "occurred_at": START, "kind": kind} for kind in kinds]
    assert folded(records, [1])["a"]["likes"] == -1


def test_a_rendered_row_is_a_row_of_the_output_topic() -> None:
    records = [{"video_id": "a", "occurred_at": START, "kind": "view", "watch_ms": 5}]
    rows = first_rows(records)
    rendered = FOLD.render(rows.with_columns(applied_offset=7, generation=1))
    wanted = frame_schema(VIRALITY_SCORES.schema)
    assert rendered.select(wanted.names()).cast(wanted).schema == wanted


def test_the_score_rises_with_speed_momentum_and_response() -> None:
    def score_of(views: int, likes: int, minutes: float) -> float:
        records = [
            {
                "video_id": "a",
                "occurred_at": START + dt.timedelta(minutes=minutes * n / views),
                "kind": kind,
            }
            for n in range(views)
            for kind in (["view", "like"] if n < likes else ["view"])
        ]
        rows = first_rows(records)
        return float(FOLD.render(rows)["score"][0])

    assert score_of(200, 0, 600) < score_of(2000, 0, 600)
    assert score_of(200, 0, 60 * 60) < score_of(200, 0, 60)
    assert score_of(200, 0, 600) < score_of(200, 50, 600)
    assert 0 <= score_of(1, 0, 1) <= 100


def test_a_score_needs_no_views() -> None:
    records = [{"video_id": "a", "occurred_at": START, "kind": "impression"}]
    rows = first_rows(records)
    row = FOLD.render(rows).row(0, named=True)
    assert row["score"] == 0
    assert row["acceleration"] == 0


def test_the_score_is_said_in_words_with_its_figures() -> None:
    earlier = {"video_id": "a", "occurred_at": START - dt.timedelta(hours=1), "kind": "view"}
    records = [{"video_id": "a", "occurred_at": START, "kind": kind} for kind in ("view", "like")]
    rendered = FOLD.render(first_rows([earlier, *records]))
    assert rendered["reasons"].to_list() == [
        [
            "0.3 views an hour over the last 6 h",
            "last hour at 16.76 times the day's rate",
            "4.5 responses per 100 views",
        ]
    ]
