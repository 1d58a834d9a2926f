"""What the tables should hold, folded from the log once more without the projections.

It shares no code with what it checks: records are read with confluent-kafka, decoded one at a time
with fastavro, and folded with dictionaries as the comments of the tables (projections/*.sql) say.
Which records are unusable is known from who made them (`tests.chaos.projections.load.BAD`).
"""

from __future__ import annotations

import datetime as dt
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import fastavro
from confluent_kafka import Message

from infra.settings import Settings
from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    EXPIRIES,
    GENERATION_EVENTS,
    OUTLIER_BASELINES,
    OUTLIER_DETECTIONS,
    VIDEO_SNAPSHOTS,
    VIDEO_UPLOADS,
    VIRALITY_FORECASTS,
    VIRALITY_PREDICTIONS,
    VIRALITY_SCORES,
)
from schemas.topic import Topic
from tests.chaos.independent import messages
from tests.chaos.projections.load import BAD

Row = dict[str, Any]
Key = tuple[Any, ...]
Tables = dict[str, dict[Key, Row]]
Coordinates = tuple[str, int, int]

# The primary keys, as the tables have them.
KEYS = {
    "videos": ("video_id",),
    "video_observations": ("video_id", "observed_at"),
    "virality_scores": ("video_id",),
    "virality_history": ("video_id", "minute"),
    "outlier_detections": ("video_id", "event_id"),
    "outlier_retractions": ("video_id", "event_id"),
    "outlier_tests": ("channel_id", "day"),
    "jobs": ("job_id",),
    "job_events": ("job_id", "version"),
    "channels": ("channel_id",),
    "channel_observations": ("channel_id", "observed_at"),
    "virality_forecasts": ("video_id",),
    "predictions": ("prediction_id",),
    "prediction_shadows": ("prediction_id", "model_version"),
    "prediction_actuals": ("prediction_id", "source"),
}

_HOURS = {"1h": 1, "6h": 6, "24h": 24, "7d": 168}
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Event:
    """A usable event or a tombstone, and where it stands.

    Attributes:
        fields: None is a tombstone.
        stored_at: when the log received it.
    """

    key: str
    fields: Any
    partition: int
    offset: int
    stored_at: dt.datetime


@dataclass
class Recount:
    """The log by the definition.

    Attributes:
        tables: rows by primary key.
        bad: value of each record that is to be a dead letter.
        ends: end of each partition.
        events: how many records there are, tombstones and unusable ones included.
    """

    tables: Tables = field(default_factory=dict)
    bad: dict[Coordinates, bytes] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    events: int = 0


def recount(settings: Settings, topics: Mapping[str, Topic], partitions: int) -> Recount:
    """Fold the topics, which are named by the schema of their events."""
    found = Recount()
    events: defaultdict[str, list[Event]] = defaultdict(list)
    for name, topic in topics.items():
        schema = fastavro.parse_schema(topic.schema, named_schemas={})
        for message in messages(settings, topic.name, partitions):
            found.events += 1
            where = (topic.name, message.partition(), message.offset())
            found.ends[where[:2]] = where[2] + 1
            if BAD in dict(message.headers() or ()):
                found.bad[where] = message.value()
            elif message.value() is not None or topic.compacted:
                events[name].append(_event(message, schema))
    for name, fold in _FOLDS.items():
        if name[0] in topics:  # of what is left, others read some too
            found.tables |= fold(*(events[one] for one in name))
    return found


def _event(message: Message, schema: Any) -> Event:
    where = (message.partition(), message.offset())
    stored_at = _EPOCH + dt.timedelta(milliseconds=message.timestamp()[1])
    return Event(message.key().decode(), _fields(message.value(), schema), *where, stored_at)


def _fields(value: bytes | None, schema: Any) -> Row | None:
    if value is None:
        return None
    body = io.BytesIO(value[5:])
    told: Any = fastavro.schemaless_reader(
        body, schema, None, return_record_name=isinstance(schema, list)
    )
    if isinstance(told, tuple):
        told = {"_type": told[0].rpartition(".")[2], **told[1]}
    assert not body.read(1)
    found: Row = told
    return found


def _videos(
    uploads: Iterable[Event], snapshots: Iterable[Event], expiries: Iterable[Event]
) -> Tables:
    """Of uploads the newest counts; of each instant's observations the one received last.

    What was received before the latest expiry is as if it had never been.
    """
    before = max((e.fields["before"] for e in expiries), default=_EPOCH)
    uploaded: dict[str, Event] = {}
    for event in uploads:
        _keep(uploaded, event.fields["video_id"], event, lambda e: (_at(e), e.offset))
    observed: dict[Key, Event] = {}
    for event in snapshots:
        if event.stored_at >= before:
            key = (event.fields["video_id"], _at(event))
            _keep(observed, key, event, lambda e: (e.stored_at, e.offset, e.partition))
    histories: defaultdict[str, list[Event]] = defaultdict(list)
    for (video, _), event in observed.items():
        histories[video].append(event)
    rows = {
        (video,): _video(video, uploaded.get(video), histories.get(video, []))
        for video in uploaded.keys() | histories.keys()
    }
    return {"videos": rows, "video_observations": dict(map(_observation, observed.items()))}


def _observation(found: tuple[Key, Event]) -> tuple[Key, Row]:
    (video, instant), event = found
    row = {
        "video_id": video,
        "observed_at": instant,
        **_some(event, "views", "likes", "comments", "duration_s", "category"),
        **_some(event, "channel_id", "title", "published_at"),
        "stored_at": event.stored_at,
        "applied_partition": event.partition,
        "applied_offset": event.offset,
    }
    return (video, instant), row


def _video(video: str, upload: Event | None, history: list[Event]) -> Row:
    newest = max(history, key=_at, default=None)
    teller = upload or newest
    assert teller is not None
    row = {
        "video_id": video,
        **_some(teller, "channel_id", "title", "published_at"),
        **_some(upload, "description", "language"),
        "tags": upload.fields["tags"] if upload else [],
        "uploaded_at": _at(upload) if upload else None,
        "uploaded_offset": upload.offset if upload else None,
        **_some(newest, "views", "likes", "comments"),
        "snapshots": len(history),
        "first_observed_at": min(map(_at, history), default=None),
        "last_observed_at": max(map(_at, history), default=None),
        "observed_stored_at": newest.stored_at if newest else None,
        "observed_partition": newest.partition if newest else None,
        "observed_offset": newest.offset if newest else None,
    }
    for name in ("duration_s", "category"):
        row[f"uploaded_{name}"] = upload.fields[name] if upload else None
        row[f"observed_{name}"] = newest.fields[name] if newest else None
        said = row[f"uploaded_{name}"]
        row[name] = row[f"observed_{name}"] if said is None else said
    return row


def _virality(scores: Iterable[Event]) -> Tables:
    """The row that has seen most of its input, of each video and of each of its minutes.

    A tombstone takes away what the log says of the video before it.
    """
    gone: dict[str, int] = {}
    scores = list(scores)
    for event in scores:
        if event.fields is None:
            gone[event.key] = event.offset
    newest: dict[Key, Event] = {}
    history: dict[Key, Event] = {}
    for event in scores:
        if event.offset <= gone.get(event.key, -1):
            continue
        video, as_of = event.fields["video_id"], event.fields["as_of"]
        minute = as_of.replace(second=0, microsecond=0)
        for rows, key in ((newest, (video,)), (history, (video, minute))):
            _keep(rows, key, event, lambda e: (e.fields["applied_offset"], e.offset))
    return {
        "virality_scores": {key: _score(event) for key, event in newest.items()},
        "virality_history": {
            key: {
                "minute": key[1],
                **_some(event, "video_id", "as_of", "score", "views", "velocity"),
                **_some(event, "applied_offset"),
                "log_offset": event.offset,
            }
            for key, event in history.items()
        },
    }


def _score(event: Event) -> Row:
    agents_own = ("viewers", "generation")
    row = {name: value for name, value in event.fields.items() if name not in agents_own}
    as_of_s = (row["as_of"] - _EPOCH) / _MICROSECOND / 1e6
    for window, hours in _HOURS.items():
        views = row[f"views_{window}"]
        rank = math.log(views) + as_of_s / (3600 * hours) if views > 0 else None
        row[f"rank_{window}"] = rank
    return row | {"log_offset": event.offset}


def _forecasts(forecasts: Iterable[Event]) -> Tables:
    """The furthest forecast of each video, of one made again the last; what is gone is gone."""
    rows: dict[Key, Event] = {}
    for event in forecasts:
        if event.fields is None:
            rows.pop((event.key,), None)
        else:
            key = (event.fields["video_id"],)
            _keep(rows, key, event, lambda e: (e.fields["applied_offset"], e.offset))
    return {
        "virality_forecasts": {
            key: event.fields | {"log_offset": event.offset} for key, event in rows.items()
        }
    }


_OF_BASELINES = (
    "format", "age_from_h", "n", "median_log10_views", "mad_log10_views", "scale_log10", "df"
)  # fmt: skip


def _known_days(row: Row) -> list[tuple[dt.date, int]]:
    """Days and tests of a state row, oldest first, with the oldest day that it can have."""
    days = {one["day"].date(): one["tests"] for one in row["days"]}
    days.setdefault(row["as_of"].date() - dt.timedelta(days=7), 0)
    return sorted(days.items())


def _channels(
    snapshots: Iterable[Event], baselines: Iterable[Event], expiries: Iterable[Event]
) -> Tables:
    """Of each instant's observations the one received last; the furthest baselines."""
    before = max((e.fields["before"] for e in expiries), default=_EPOCH)
    observed: dict[Key, Event] = {}
    for event in snapshots:
        if event.stored_at >= before:
            key = (event.fields["channel_id"], _at(event))
            _keep(observed, key, event, lambda e: (e.stored_at, e.offset))
    furthest: dict[str, Event] = {}
    tests: dict[Key, tuple[tuple[int, int], Row]] = {}
    for event in baselines:
        if event.fields is not None:
            name = event.fields["channel_id"]
            _keep(furthest, name, event, lambda e: (e.fields["applied_offset"], e.offset))
            rank = (event.fields["applied_offset"], event.offset)
            earlier = event.fields["tests_gone"]
            for day, count in _known_days(event.fields):
                key = (name, day)
                if key not in tests or rank > tests[key][0]:
                    own = {"channel_id": name, "day": day, "tests": count, "earlier": earlier}
                    tests[key] = rank, own | {"applied_offset": rank[0], "log_offset": rank[1]}
                earlier += count
    said: dict[str, int] = {}
    for (name, _), (_, row) in sorted(tests.items()):
        row["missing"] = row["earlier"] != said.get(name, 0)
        said[name] = row["earlier"] + row["tests"]
    histories: defaultdict[str, list[Event]] = defaultdict(list)
    for (channel, _), event in observed.items():
        histories[channel].append(event)
    return {
        "outlier_tests": {key: row for key, (_, row) in tests.items()},
        "channels": {
            (channel,): _channel(channel, histories.get(channel, []), furthest.get(channel))
            for channel in histories.keys() | furthest.keys()
        },
        "channel_observations": {
            key: {
                **_some(event, "channel_id", "subscribers", "views", "videos", "title"),
                "observed_at": key[1],
                "stored_at": event.stored_at,
                "applied_offset": event.offset,
            }
            for key, event in observed.items()
        },
    }


def _channel(channel: str, history: list[Event], baseline: Event | None) -> Row:
    newest = max(history, key=_at, default=None)
    usual = [] if baseline is None else baseline.fields["baselines"]
    kept = [{name: one[name] for name in _OF_BASELINES} for one in usual]
    return {
        "channel_id": channel,
        **_some(newest, "title", "subscribers", "views", "videos"),
        "snapshots": len(history),
        "first_observed_at": min(map(_at, history), default=None),
        "last_observed_at": None if newest is None else _at(newest),
        "observed_stored_at": None if newest is None else newest.stored_at,
        "observed_offset": None if newest is None else newest.offset,
        "baselines": sorted(kept, key=lambda one: (one["format"], one["age_from_h"])),
        "baseline_as_of": None if baseline is None else baseline.fields["as_of"],
        "baseline_snapshots": None if baseline is None else baseline.fields["snapshots"],
        "baseline_applied_offset": None if baseline is None else baseline.fields["applied_offset"],
        "baseline_log_offset": None if baseline is None else baseline.offset,
    }


_SAID = ("predicted_views", "lower", "upper", "horizon_h", "score", "stage", "model_version")
_ASKED = ("user_id", "video_id", "channel_id", "title", "category", "request", "due_at")


def _predictions(events: Iterable[Event]) -> Tables:
    """The first prediction and the first word of each shadow; of each source the newest actual."""
    made: dict[Key, Row] = {}
    shadows: dict[Key, Row] = {}
    actuals: dict[Key, Event] = {}
    for event in events:
        key = (event.fields["prediction_id"],)
        row = {"prediction_id": key[0], "made_at": _at(event)}
        match event.fields["_type"]:
            case "PredictionMade":
                made.setdefault(key, row | _some(event, *_SAID, *_ASKED))
            case "PredictionShadowed":
                own = (*key, event.fields["model_version"])
                shadows.setdefault(own, row | _some(event, *_SAID))
            case "ActualObserved":
                own = (*key, event.fields["source"])
                _keep(actuals, own, event, lambda e: (_at(e), e.offset))
    return {
        "predictions": made,
        "prediction_shadows": shadows,
        "prediction_actuals": {
            key: {
                **_some(event, "prediction_id", "source", "actual_views", "horizon_h", "feedback"),
                "observed_at": _at(event),
                "log_offset": event.offset,
            }
            for key, event in actuals.items()
        },
    }


def _outliers(detections: Iterable[Event]) -> Tables:
    """Each event once: of those with one id the first."""
    first: dict[Key, Event] = {}
    for event in detections:
        key = (event.fields["video_id"], event.fields["event_id"])
        _keep(first, key, event, lambda e: -e.offset)
    tables: Tables = {"outlier_detections": {}, "outlier_retractions": {}}
    for key, event in first.items():
        fields = dict(event.fields)
        of_a_retraction = {name: fields.pop(name) for name in ("retracts", "reason")}
        if fields.pop("verdict") == "retracted":
            kept = {name: fields[name] for name in _OF_RETRACTIONS}
            tables["outlier_retractions"][key] = kept | of_a_retraction
        else:
            tables["outlier_detections"][key] = {**fields, "day": _at(event).date()}
    return tables


_OF_RETRACTIONS = (
    "video_id", "event_id", "occurred_at", "views", "expected_views", "multiple",
    "tail_probability", "source_partition", "source_offset",
)  # fmt: skip


_STATUS = {
    "JobQueued": "queued",
    "AttemptStarted": "processing",
    "Progressed": "processing",
    "RetryScheduled": "queued",
    "Completed": "completed",
    "Failed": "failed",
    "Cancelled": "cancelled",
}
_ENDS = ("completed", "failed", "cancelled")
_ASKED_FOR = (
    *("user_id", "prompt", "width", "height", "num_steps", "quality", "seed", "duration_s"),
    *("priority", "max_retries", "provider", "source_video_id", "requested_by", "metadata"),
)
_BECAME = (
    *("provider_used", "model", "worker", "step", "artifact", "thumbnail", "bytes", "sha256"),
    *("video_seconds", "processing_s"),
)


def _jobs(events: Iterable[Event]) -> Tables:
    """Each version of a job once, and the row as the story leaves it."""
    told: dict[Key, Event] = {}
    for event in events:
        told.setdefault((event.fields["job_id"], event.fields["version"]), event)
    jobs: dict[Key, Row] = {}
    for job, version in sorted(told):
        row = jobs.setdefault((job,), dict.fromkeys((*_ASKED_FOR, *_BECAME)) | _new_job(job))
        _tell(row, told[job, version].fields)
    return {"jobs": jobs, "job_events": {key: _told(e.fields) for key, e in told.items()}}


def _new_job(job: str) -> Row:
    nothing = ("error", "retry_at", "cancel_reason", "queued_at", "started_at", "finished_at")
    return {"job_id": job, "attempts": 0, "percent": 0.0, **dict.fromkeys(nothing)}


def _tell(row: Row, event: Row) -> None:
    kind, at = event["_type"], event["occurred_at"]
    row.update(version=event["version"], updated_at=at)
    row["status"] = _STATUS.get(kind, row.get("status"))
    for name in (*_ASKED_FOR, *_BECAME, "percent", "error", "retry_at"):
        if event.get(name) is not None:
            row[name] = event[name]
    row["attempts"] = event.get("attempt", row["attempts"])
    match kind:
        case "JobQueued":
            row["queued_at"] = at
        case "AttemptStarted":
            row.update(started_at=at, percent=0.0)
        case "Completed":
            row.update(percent=100.0, error=None)
        case "Cancelled":
            row["cancel_reason"] = event["reason"]
    if row["status"] != "queued":
        row["retry_at"] = None
    if row["status"] in _ENDS:
        row["finished_at"] = at


def _told(event: Row) -> Row:
    apart = ("_type", "job_id", "version", "event_id", "occurred_at")
    body = {
        name: value.isoformat() if isinstance(value, dt.datetime) else value
        for name, value in event.items()
        if value is not None and name not in (*apart, "fencing_token")
    }
    columns = {name: event[name] for name in apart if name != "_type"}
    return {**columns, "type": event["_type"], "body": body}


def _keep(rows: dict[Any, Event], key: Any, event: Event, rank: Callable[[Event], Any]) -> None:
    """The event takes the key's place where it ranks above who has it."""
    if key not in rows or rank(event) > rank(rows[key]):
        rows[key] = event


def _at(event: Event) -> dt.datetime:
    at: dt.datetime = event.fields["occurred_at"]
    return at


def _some(event: Event | None, *names: str) -> Row:
    return {name: event.fields[name] if event else None for name in names}


_FOLDS: dict[tuple[str, ...], Callable[..., Tables]] = {
    (VIDEO_UPLOADS.events, VIDEO_SNAPSHOTS.events, EXPIRIES.events): _videos,
    (VIRALITY_SCORES.events,): _virality,
    (OUTLIER_DETECTIONS.events,): _outliers,
    (GENERATION_EVENTS.events,): _jobs,
    (CHANNEL_SNAPSHOTS.events, OUTLIER_BASELINES.events, EXPIRIES.events): _channels,
    (VIRALITY_FORECASTS.events,): _forecasts,
    (VIRALITY_PREDICTIONS.events,): _predictions,
}
