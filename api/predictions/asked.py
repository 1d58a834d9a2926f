"""What a request asks: at which instant the video is looked at, and which of its fields count.

Before publication a video is looked at at the moment of its publication, with a history that ends
at that moment or now, whichever comes first: no clock is in the answer, so the same request has the
same one. After it, at the moment at which its counts were observed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from api.database import Row
from api.errors import validation_error
from api.shapes.predictions import HOURS, Horizon, PredictionRequest
from schemas.avro_types import TIMESTAMP
from streams.virality.moments import OBSERVATION
from streams.virality.moments_of.observations import thinned

NOON = dt.time(12)
MIDNIGHT = dt.time(0)
CLOCKS_DIFFER = dt.timedelta(hours=1)  # a client's clock may be ahead of ours by so much

_COUNTS = ("view_count", "like_count", "comment_count", "observed_at")


@dataclass
class Asked:
    """A request, read.

    Attributes:
        at: the instant at which the video is looked at.
        observed: counts up to `at`, oldest first, as `OBSERVATION` has them.
        history_until: the channel's earlier videos are looked at as of then.
        ignored: fields that change nothing, and `notes` why.
    """

    request: PredictionRequest
    published_at: dt.datetime
    at: dt.datetime
    history_until: dt.datetime
    channel_id: str | None
    horizon: Horizon
    observed: list[dict[str, Any]]
    category: str | None
    language: str | None
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def horizon_h(self) -> float:
        """The age of the video that is asked for, in hours."""
        return HOURS[self.horizon]

    @property
    def due_at(self) -> dt.datetime:
        """When the video has that age."""
        return self.published_at + dt.timedelta(hours=self.horizon_h)

    def moment(self, history: Sequence[Row]) -> dict[str, Any]:
        """A row of `MOMENT`, with the `description` that some of its columns are counted in.

        Args:
            history: earlier videos as `EARLIER_VIDEO` has them, oldest first.
        """
        return {
            "video_id": self.request.video_id,
            "channel_id": self.channel_id,
            "at": self.at,
            "published_at": self.published_at,
            "title": self.request.title,
            "description": self.request.description,
            "tags": self.request.tags,
            "tag_count": None if self.request.tags is None else len(self.request.tags),
            "category": self.category,
            "language": self.language,
            "duration_s": self.request.duration,
            "history": list(history),
            "observed": self.observed,
        }


def read(
    request: PredictionRequest, now: dt.datetime, known: Row | None, seen: Sequence[Row]
) -> Asked:
    """Read a request.

    Args:
        known: the row of `videos` that it names.
        seen: that video's observations, oldest first.

    Raises:
        ApiError: 400: counts of the future, or of after the age that is asked for.
    """
    asked = Asked(
        request=request,
        published_at=_published_at(request, now, known),
        at=now,
        history_until=now,
        channel_id=request.channel_id or (known or {}).get("channel_id"),
        horizon=request.horizon,
        observed=[],
        category=request.category or (known or {}).get("category"),
        language=request.language or (known or {}).get("language"),
    )
    _say_assumed(asked, known)
    _observe(asked, now, seen)
    asked.at = asked.observed[-1]["at"] if asked.observed else asked.published_at
    asked.history_until = min(now, asked.at)
    _say_unknown(asked)
    _hold_horizon(asked)
    return asked


def _published_at(request: PredictionRequest, now: dt.datetime, known: Row | None) -> dt.datetime:
    if known is not None and request.upload_time is None:
        found: dt.datetime = known["published_at"]
        return found
    noon = dt.datetime.combine(request.upload_date, NOON, dt.UTC)
    if request.upload_time is not None:
        return dt.datetime.combine(request.upload_date, request.upload_time, dt.UTC)
    # Counts of the morning of that day say that it was out by then.
    early = request.view_count is not None and (request.observed_at or now) < noon
    return dt.datetime.combine(request.upload_date, MIDNIGHT, dt.UTC) if early else noon


def _say_assumed(asked: Asked, known: Row | None) -> None:
    if asked.request.upload_time is not None:
        return
    if known is not None:
        asked.notes.append(f"published at {asked.published_at:%Y-%m-%d %H:%M} UTC, as is known")
    else:
        asked.notes.append(f"upload_time was assumed to be {asked.published_at:%H:%M} UTC")


def _observe(asked: Asked, now: dt.datetime, seen: Sequence[Row]) -> None:
    """The counts that are known at the moment of looking; fields that bring none are ignored."""
    request = asked.request
    if request.view_count is None:
        after = [dict(row) for row in seen if row["at"] >= asked.published_at]
        asked.observed = _kept(after, asked.published_at)
        why = "before publication there are none; after it they count with view_count"
        _ignore(asked, ("like_count", "comment_count", "observed_at"), why)
    else:
        at = request.observed_at or now
        if at > now + CLOCKS_DIFFER:
            raise validation_error("observed_at", "it lies in the future")
        if at < asked.published_at:
            _ignore(asked, _COUNTS, "counts of before publication tell nothing of it")
        else:
            given = {
                "at": at,
                "views": request.view_count,
                "likes": request.like_count,
                "comments": request.comment_count,
            }
            before = [dict(row) for row in seen if asked.published_at <= row["at"] < at]
            asked.observed = _kept([*before, given], asked.published_at)
    _ignore(asked, ("dislike_count",), "platforms do not show dislikes, so no model looks at them")


def _kept(observed: list[dict[str, Any]], published_at: dt.datetime) -> list[dict[str, Any]]:
    """Those that a moment has, as everywhere."""
    if not observed:
        return []
    frame = pl.DataFrame(observed, schema=dict(OBSERVATION), orient="row").with_columns(
        video_id=pl.lit("v"), published_at=pl.lit(published_at).cast(TIMESTAMP)
    )
    return thinned(frame).select(field.name for field in OBSERVATION.fields).to_dicts()


def _ignore(asked: Asked, names: Sequence[str], why: str) -> None:
    named = [name for name in names if getattr(asked.request, name) is not None]
    if named:
        asked.ignored += named
        asked.notes.append(f"{', '.join(named)} ignored: {why}")


def _say_unknown(asked: Asked) -> None:
    unknown = sorted(asked.request.model_extra or {})
    if unknown:
        asked.ignored += unknown
        asked.notes.append(f"{', '.join(unknown)} ignored: not a field of this request")


def _hold_horizon(asked: Asked) -> None:
    """A forecast is of an age to come: one that has passed is refused, or the next one is taken."""
    age_h = (asked.at - asked.published_at).total_seconds() / 3600
    if age_h < asked.horizon_h:
        return
    later = [name for name, hours in HOURS.items() if hours > age_h]
    if not later:
        raise validation_error(
            "observed_at",
            f"the video is {age_h / 24:.1f} days old then; views are forecast up to 30 days",
        )
    if "horizon" in asked.request.model_fields_set:
        raise validation_error(
            "horizon", f"the video is older than {asked.horizon} then; ask for {', '.join(later)}"
        )
    asked.notes.append(f"{asked.horizon} have passed: the horizon is {later[0]}")
    asked.horizon = later[0]
