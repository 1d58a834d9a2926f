"""Top lists equal a batch recomputation from the raw events, by code that shares nothing."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from scipy.integrate import quad

from schemas.avro_types import frame_schema
from schemas.catalogue import (
    ENGAGEMENT,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
    VIRALITY_FORECASTS,
    VIRALITY_SCORES,
)
from streams.columnar.fold import numbered
from streams.virality.fold import ViralityFold
from tests.integration.api.conftest import Api, moment

HOURS = {"1h": 1, "6h": 6, "24h": 24, "7d": 168}
CATEGORIES = ["music", "games"]


def life(video: str, category: str, seed: int) -> list[dict[str, Any]]:
    """Views of one video: a rate for some time until lately, perhaps with a burst at its end."""
    rng = random.Random(seed)
    until, length = rng.choice([0.02, 0.5, 3, 40]), rng.choice([0.02, 0.6, 5, 60, 200])
    rate = 10 ** rng.uniform(0, 1.7)
    ages = [until + rng.random() * length for _ in range(max(1, round(rate * min(length, 30))))]
    if rng.random() < 0.4:
        ages += [until + rng.random() * min(0.5, length) for _ in range(rng.randrange(5, 60))]
    likes = [(age, "like") for age in ages[::5]]
    now = moment()
    return [
        {
            "event_id": f"{video}-{number}",
            "occurred_at": now - dt.timedelta(hours=age),
            "video_id": video,
            "channel_id": "c",
            "viewer_id": f"u{rng.randrange(99)}",
            "kind": kind,
            "category": category,
        }
        for number, (age, kind) in enumerate([*((age, "view") for age in ages), *likes])
    ]


@pytest.fixture(scope="module")
def raw(api: Api) -> list[dict[str, Any]]:
    """Events in a random order, folded as the agent and the projector do."""
    rng = random.Random(7)
    events = [
        event
        for number in range(60)
        for event in life(f"t{number:02d}", CATEGORIES[number % 2], number)
    ]
    rng.shuffle(events)
    fold, rows = ViralityFold(), pl.DataFrame(schema=ViralityFold.state)
    wanted = frame_schema(ENGAGEMENT.schema)
    for start in range(0, len(events), 997):
        frame = pl.DataFrame(events[start : start + 997], schema_overrides={"kind": wanted["kind"]})
        frame = frame.with_columns(
            pl.lit(None, pl.Int32).alias("watch_ms"),
            pl.col("occurred_at").cast(wanted["occurred_at"]),
        )
        keys, chunk = numbered(frame, "video_id")
        touched = pl.DataFrame([keys]).join(rows, on="video_id", how="left", maintain_order="left")
        new = fold(touched.select(fold.state.names()), chunk).rows
        rows = pl.concat([rows.join(new, on="video_id", how="anti"), new])
    rendered = fold.render(rows).with_columns(
        pl.lit(1, pl.Int64).alias("applied_offset"), pl.lit(1, pl.Int32).alias("generation")
    )
    scores = frame_schema(VIRALITY_SCORES.schema)
    api.fold(
        "virality",
        VIRALITY_SCORES,
        *rendered.select(pl.col(name).cast(dtype) for name, dtype in scores.items()).to_dicts(),
    )
    api.fold(
        "videos",
        VIDEO_UPLOADS,
        *(
            {
                "event_id": f"upload-{number}",
                "occurred_at": moment(10**6),
                "video_id": f"t{number:02d}",
                "channel_id": "c",
                "title": "t",
                "category": CATEGORIES[number % 2],
                "published_at": moment(10**6),
            }
            for number in range(60)
        ),
    )
    return events


def ages_of(raw: list[dict[str, Any]], now: dt.datetime, kind: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for event in raw:
        if kind in (event["kind"], "any"):
            age = (now - event["occurred_at"]).total_seconds() / 3600
            found.setdefault(event["video_id"], []).append(age)
    return found


def z_of(views: list[float], life_h: float) -> float:
    """The definition of streams/virality/burst.py, with integrals done by quadrature."""

    def short(age: float) -> float:
        return math.exp(-age)

    def rest(age: float) -> float:
        return math.exp(-age / 24) - math.exp(-age)

    def exposed(weight: Callable[[float], float]) -> tuple[float, float]:
        cuts = [end for end in (0.1, 1, 5, 30, 100) if end < life_h]
        spans = list(zip([0, *cuts], [*cuts, life_h], strict=True))
        mean = sum(quad(weight, *span)[0] for span in spans)
        twice = sum(quad(lambda age: weight(age) ** 2, *span)[0] for span in spans)
        return mean, twice

    def count(weight: Callable[[float], float]) -> tuple[float, float]:
        mean, twice = exposed(weight)
        return sum(map(weight, views)) * mean / twice, mean**2 / twice

    if life_h < 0.05:
        return 0.0
    (recent, recent_h), (earlier, earlier_h) = count(short), count(rest)
    shape = earlier + 0.5
    chance = earlier_h / (earlier_h + recent_h)  # of the negative binomial
    mean, variance = shape * (1 - chance) / chance, shape * (1 - chance) / chance**2
    return (recent - mean) / math.sqrt(variance)


def top(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.client.get("/api/v1/virality/top", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("window", HOURS)
@pytest.mark.parametrize("category", [None, *CATEGORIES, "none"])
@pytest.mark.parametrize("least", [None, -0.5, 1.5, 4.0])
def test_any_top_list_is_what_the_raw_events_say(
    api: Api, raw: list[dict[str, Any]], window: str, category: str | None, least: float | None
) -> None:
    query = {"window": window, "category": category, "min_burst": least}
    page = top(api, **{name: value for name, value in query.items() if value is not None})
    now = dt.datetime.fromisoformat(page["as_of"])
    of = {event["video_id"]: event["category"] for event in raw}
    views, lives = ages_of(raw, now, "view"), ages_of(raw, now, "any")
    z = {video: z_of(ages, max(lives[video])) for video, ages in views.items()}
    decayed = {
        video: sum(math.exp(-age / HOURS[window]) for age in ages)
        for video, ages in views.items()
        if category in (None, of[video]) and (least is None or z[video] >= least)
    }
    expected = sorted(decayed, key=lambda video: -decayed[video])
    assert [item["video_id"] for item in page["items"]] == expected
    assert page["total"] == len(expected)
    for item in page["items"]:
        video = item["video_id"]
        assert item["views_in_window"] == pytest.approx(decayed[video], rel=1e-6)
        assert item["burst_z"] == pytest.approx(z[video], rel=1e-3, abs=1e-3)


def test_a_page_beyond_the_end_is_empty_and_knows_how_many_there_are(
    api: Api, raw: list[dict[str, Any]]
) -> None:
    whole = top(api, min_burst=-100)
    beyond = top(api, min_burst=-100, offset=whole["total"])
    assert whole["total"] == len(whole["items"]) > 0
    assert (beyond["items"], beyond["total"]) == ([], whole["total"])


def test_bursts_are_told_apart(api: Api, raw: list[dict[str, Any]]) -> None:
    found = {item["video_id"]: item["burst_z"] for item in top(api)["items"]}
    assert sum(z > 4 for z in found.values()) >= 3
    assert sum(z < 1 for z in found.values()) >= 20


def test_a_least_burst_is_a_number_in_bounds(api: Api) -> None:
    for wrong in ("nan", "much", "1e9"):
        assert api.client.get(f"/api/v1/virality/top?min_burst={wrong}").status_code == 422


def test_a_video_of_which_only_counts_are_observed_has_its_forecast(
    api: Api, unique: Callable[[str], str]
) -> None:
    video = unique("v")
    row = {
        "video_id": video,
        "channel_id": "c",
        "as_of": moment(60),
        "published_at": moment(3660),
        "age_s": 3600,
        "views": 900,
        "predicted_views_7d": 5000.0,
        "predicted_views_7d_lower": 2000.0,
        "predicted_views_7d_upper": 9000.0,
        "score": 71.5,
        "velocity": 900.0,
        "acceleration": 1.0,
        "stage": "after",
        "model_version": "m",
        "reasons": ["because"],
        "applied_offset": 40,
    }
    api.fold("forecasts", VIRALITY_FORECASTS, row)
    api.fold(
        "videos",
        VIDEO_SNAPSHOTS,
        {
            "event_id": unique("e"),
            "occurred_at": moment(60),
            "video_id": video,
            "channel_id": "c",
            "title": "Seen",
            "published_at": moment(3660),
            "views": 900,
            "likes": 8,
        },
    )
    path = f"/api/v1/virality/{video}"
    body = api.client.get(path).json()
    assert (body["source"], body["views"], body["likes"], body["shares"]) == (
        "snapshots",
        900,
        8,
        None,
    )
    assert (body["score"], body["reasons"], body["title"]) == (71.5, ["because"], "Seen")
    assert body["predicted"]["at_7d"] == {"views": 5000.0, "lower": 2000.0, "upper": 9000.0}
    assert body["forecast"]["age_s"] == 3600
    assert body["now"] is None
    position = f"{path}?wait_ms=0&min_position=youtube.video-snapshots.v1/0"
    assert api.client.get(f"{position}/40").status_code == 200
    assert api.client.get(f"{position}/41").status_code == 503
