"""Moments hold what was known, all of it, and nothing later: compared with a plain rendering."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from streams.virality.moments import HISTORY_OBSERVATIONS, HISTORY_VIDEOS, MOMENT
from streams.virality.moments_of.as_of import AsOf
from tests.unit.virality.charted import at, chart


def _best(observations: list[dict[str, Any]]) -> dict[dt.datetime, dict[str, Any]]:
    """One observation an instant: the one with the most views."""
    ordered = sorted(
        observations, key=lambda o: (o["views"] or -1, o["likes"] or -1, o["comments"] or -1)
    )
    return {o["at"]: o for o in ordered}


def _plain(
    videos: pl.DataFrame, observations: pl.DataFrame, video_id: str, instant: dt.datetime
) -> tuple[list[dict[str, Any]], list[dt.datetime]]:
    """History and instants observed, one loop at a time."""
    of = {v["video_id"]: v for v in videos.to_dicts()}
    seen: dict[str, dict[dt.datetime, dict[str, Any]]] = {}
    for video in of:
        mine = [o for o in observations.to_dicts() if o["video_id"] == video]
        seen[video] = {t: o for t, o in sorted(_best(mine).items()) if t <= instant}
    own = of[video_id]
    known = []
    for video, facts in of.items():
        counted = [o for o in seen[video].values() if o["views"] is not None]
        if (
            facts["channel_id"] == own["channel_id"]
            and facts["published_at"] <= instant
            and counted
        ):
            known.append((facts["published_at"], video, counted))
    newest = sorted(known)[-HISTORY_VIDEOS:] if own["channel_id"] is not None else []
    history = [
        {
            "video_id": video,
            "views": counted[-1]["views"],
            "observed_at": counted[-1]["at"],
            "first_views": counted[0]["views"],
            "first_observed_at": counted[0]["at"],
        }
        for published, video, counted in newest
        if published < own["published_at"]
    ]
    return history, list(seen[video_id])


@pytest.mark.parametrize("seed", range(4))
def test_moments_are_those_of_a_plain_rendering(seed: int) -> None:
    videos, observations = chart(seed)
    published = dict(zip(videos["video_id"], videos["published_at"], strict=True))
    asked = [
        (video, instant)
        for video in ("v0", "v3", "v7", "v20", "v41", "v59")
        for instant in (published[video], published[video] + dt.timedelta(hours=50), at(2_000))
    ]
    moments = AsOf(videos, observations).moments(
        pl.DataFrame(asked, schema=["video_id", "at"], orient="row")
    )
    assert moments.schema == MOMENT
    for (video, instant), moment in zip(asked, moments.to_dicts(), strict=True):
        history, instants = _plain(videos, observations, video, instant)
        assert (
            [{k: e[k] for k in history[0]} for e in moment["history"]] == history
            if history
            else (moment["history"] == [])
        )
        found = [o["at"] for o in moment["observed"]]
        assert set(found) <= set(instants)
        assert len(found) <= HISTORY_OBSERVATIONS
        assert found[-1:] == instants[-1:]
        assert found[:1] == instants[:1]


def test_more_earlier_videos_than_are_looked_at_in_one_go() -> None:
    # The newest 100 were not observed by then: the history is what lies behind them.
    videos = pl.DataFrame(
        {
            "video_id": [f"v{n:03}" for n in range(200)],
            "channel_id": "c",
            "published_at": [at(n) for n in range(200)],
        }
    )
    observations = pl.DataFrame(
        {
            "video_id": [f"v{n:03}" for n in range(200)],
            "at": [at(n + 0.5) if n < 99 else at(900) for n in range(200)],
            "views": list(range(200)),
        }
    )
    moment = AsOf(videos, observations).moments(
        pl.DataFrame({"video_id": ["v199"], "at": [at(199)]})
    )
    history = [earlier["video_id"] for earlier in moment["history"][0]]
    assert history == [f"v{n:03}" for n in range(99 - HISTORY_VIDEOS, 99)]


@pytest.mark.parametrize("instant_h", [250.0, 400.0, 800.0])
def test_nothing_later_than_the_moment_moves_it(instant_h: float) -> None:
    videos, observations = chart(1)
    instant = at(instant_h)
    asked = (
        videos.filter(pl.col("published_at") <= instant).select("video_id").with_columns(at=instant)
    )
    later = pl.col("at") > instant
    changed = observations.with_columns(
        views=pl.when(later).then(pl.col("views") * 1_000 + 7).otherwise("views"),
        likes=pl.when(later).then(None).otherwise("likes"),
    )
    unheard_of = pl.DataFrame(
        {
            "video_id": [f"new{n}" for n in range(80)],
            "channel_id": [f"c{n % 4}" for n in range(80)],
            "published_at": [instant + dt.timedelta(seconds=1 + n) for n in range(80)],
        }
    )
    seen_later = pl.DataFrame(
        {
            "video_id": [f"new{n}" for n in range(80)],
            "at": instant + dt.timedelta(days=1),
            "views": 10_000_000,
        },
        schema_overrides={"views": pl.Int64},
    )
    told = AsOf(
        pl.concat([videos, unheard_of], how="diagonal_relaxed"),
        pl.concat(
            [changed.sample(fraction=1, shuffle=True, seed=3), seen_later], how="diagonal_relaxed"
        ),
    )
    before = AsOf(videos, observations.filter(~later)).moments(asked)
    assert told.moments(asked).equals(before)
    assert before["history"].list.len().sum() > 10
    assert before["observed"].list.len().sum() > 10


def test_a_moment_of_an_unknown_video_is_refused() -> None:
    videos, observations = chart(0)
    with pytest.raises(KeyError, match="nobody"):
        AsOf(videos, observations).moments(pl.DataFrame({"video_id": ["nobody"], "at": [at(0)]}))


def test_nothing_observed_at_all() -> None:
    videos, observations = chart(0)
    moments = AsOf(videos, observations.clear()).moments(
        videos.select("video_id", at="published_at")
    )
    assert moments["history"].list.len().sum() == 0
    assert moments["observed"].list.len().sum() == 0
    assert moments["video_id"].to_list() == videos["video_id"].to_list()


def test_a_description_becomes_its_length_and_links() -> None:
    videos = pl.DataFrame(
        {
            "video_id": ["a", "b"],
            "channel_id": ["c", "c"],
            "published_at": [at(0), at(1)],
            "description": ["See https://a.example and www.b.example", None],
        }
    )
    asked = pl.DataFrame({"video_id": ["a", "b"], "at": [at(2)] * 2})
    observations = pl.DataFrame(
        schema={"video_id": pl.String, "at": pl.Datetime, "views": pl.Int64}
    )
    moments = AsOf(videos, observations).moments(asked)
    assert moments["description_length"].to_list() == [39, None]
    assert moments["links"].to_list() == [2, None]
