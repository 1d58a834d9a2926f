"""Events of any topic, made from its schema: few keys, so that much happens to each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from schemas.catalogue import (
    GENERATION_EVENTS,
    IDENTITY_EVENTS,
    OUTLIER_ANALYSES,
    OUTLIER_BASELINES,
    OUTLIER_DETECTIONS,
    OUTLIER_SHIFTS,
    VIRALITY_FORECASTS,
    VIRALITY_SCORES,
)
from schemas.personal.sealed import KEY_BYTES, REFERENCE_BYTES, PersonKey, place_of
from schemas.topic import Topic
from tests.unit.projections.frames import START, frame

_HOUR = dt.timedelta(hours=1)

# What names a state of a key: events that agree in it are the same event, written again.
_STATES = {
    VIRALITY_SCORES.events: ("video_id", "applied_offset"),
    # A forecast made again by another model is another one: its version is part of it.
    VIRALITY_FORECASTS.events: ("video_id", "applied_offset", "model_version"),
    OUTLIER_BASELINES.events: ("channel_id", "applied_offset"),
    OUTLIER_DETECTIONS.events: ("video_id", "event_id"),
    OUTLIER_SHIFTS.events: ("channel_id", "event_id"),
    GENERATION_EVENTS.events: ("job_id", "version"),
}

# What may follow in a story; nothing follows an end.
_RUNNING = ("Progressed", "AttemptFailed", "Completed", "Cancelled")
_OF_JOBS = {
    None: ("JobQueued",),
    "JobQueued": ("AttemptStarted", "Cancelled"),
    "AttemptStarted": _RUNNING,
    "Progressed": _RUNNING,
    "AttemptFailed": ("RetryScheduled", "Failed", "Cancelled"),
    "RetryScheduled": ("AttemptStarted", "Cancelled"),
}
_LEARNED = (
    *("StepStarted", "CompetitorRead", "ExclusionBuilt", "QuerySearched", "ChannelDiscovered"),
    *("UploadsListed", "ChannelAnalyzed"),
)
_ON = (*_LEARNED, *_LEARNED, "Paused", "Completed", "Failed", "Cancelled")
_OF_ANALYSES = {
    None: ("AnalysisRequested",),
    "AnalysisRequested": ("StepStarted", "Cancelled"),
    **dict.fromkeys((*_LEARNED, "Resumed"), _ON),
    # An answer that comes in late is kept.
    "Paused": (*_LEARNED, "Resumed", "Resumed", "Resumed", "Cancelled"),
}
_OF_USERS = (
    *("EmailVerified", "LinkedToProvider", "LoggedIn", "LoginFailed", "LockedOut"),
    *("PasswordChanged", "TwoFactorEnabled", "TwoFactorDisabled", "SessionsEnded", "RoleChanged"),
    *("TierChanged", "Suspended", "Reinstated", "KeyIssued", "KeyIssued", "KeyRevoked"),
)
_OF_ACCOUNTS = {
    None: ("UserRegistered",),
    **dict.fromkeys(("UserRegistered", *_OF_USERS), (*_OF_USERS, "AccountForgotten")),
}
_STORIES: dict[str, dict[str | None, tuple[str, ...]]] = {
    GENERATION_EVENTS.events: _OF_JOBS,
    OUTLIER_ANALYSES.events: _OF_ANALYSES,
    IDENTITY_EVENTS.events: _OF_ACCOUNTS,
}

_PERSON = PersonKey(b"p" * REFERENCE_BYTES, b"k" * KEY_BYTES)

Event = dict[str, Any]


def story(topic: Topic, seed: int, count: int) -> list[Event]:
    """Events in the order of a log, some of them repeated, some late."""
    rng = np.random.default_rng([seed, *topic.events.encode()])
    if topic.events in _STORIES:
        return _lives(topic, rng, count)
    events = [_any_of(topic, rng) for _ in range(count)]
    names = _STATES.get(topic.events)
    if names is not None and "event_id" in names:
        events = [{**event, "event_id": f"e{rng.integers(count)}"} for event in events]
    if names is not None:
        events = [_state(topic.schema, event, names) for event in events]
    return events


def frames(topic: Topic, seed: int, count: int, partitions: int) -> list[pl.DataFrame]:
    """A story by partition, each key in one, as a decoder gives it: four events an hour."""
    parts: list[list[Event]] = [[] for _ in range(partitions)]
    for event in story(topic, seed, count):
        parts[sum(str(event[topic.key]).encode()) % partitions].append(event)
    received = pl.lit(START) + pl.duration(minutes=15 * pl.col("_offset"))
    return [
        frame(topic, part, partition=number).with_columns(_timestamp=received)
        for number, part in enumerate(parts)
    ]


def _any_of(topic: Topic, rng: np.random.Generator) -> Event:
    """An event of any of the topic's records."""
    record = topic.records[int(rng.integers(len(topic.records)))]
    return ({} if topic.columnar else {"_type": record["name"]}) | _event(record, rng)


def _state(record: Event, event: Event, names: tuple[str, ...]) -> Event:
    """The one event that there is of a state."""
    own = {name: event[name] for name in names}
    rng = np.random.default_rng([*repr(sorted(own.items())).encode()])
    return {**_event(record, rng), **own}


def _lives(topic: Topic, rng: np.random.Generator, count: int) -> list[Event]:
    """Each life's versions come in order; now and then the last few come again."""
    follows = _STORIES[topic.events]
    by_name = {record["name"]: record for record in topic.schema}
    told: dict[str, list[Event]] = {}
    whose = rng.integers(1000)  # stories of another seed are of others
    events: list[Event] = []
    for _ in range(count):
        key = f"{whose}-{rng.integers(max(5, count // 10))}"
        own = told.setdefault(key, [])
        follow = follows.get(own[-1]["_type"] if own else None, ())
        if not follow or (own and rng.random() < 0.2):
            events += own[-int(rng.integers(1, 4)) :]
            continue
        kind = str(rng.choice(follow))
        event = _event(by_name[kind], rng)
        event |= {"_type": kind, topic.key: key, "version": len(own) + 1}
        for name in topic.personal.keys() & event.keys():  # the relay's publisher has no keys
            if event[name]:
                event[name] = _PERSON.seal(place_of(topic.name, name), event[name])
        own.append(event)
        events.append(event)
    return events


def _event(record: Event, rng: np.random.Generator) -> Event:
    return {field["name"]: _value(field["name"], field["type"], rng) for field in record["fields"]}


def _value(name: str, avro: Any, rng: np.random.Generator) -> Any:
    if isinstance(avro, list):
        kinds = [kind for kind in avro if kind != "null"]
        if len(kinds) < len(avro) and rng.random() < 0.3:
            return None
        return _value(name, kinds[0], rng)
    if isinstance(avro, dict):
        match avro:
            case {"logicalType": "timestamp-micros"}:
                return START + int(rng.integers(12)) * _HOUR
            case {"type": "enum"}:
                return str(rng.choice(avro["symbols"]))
            case {"type": "array"}:
                return [_value(name, avro["items"], rng) for _ in range(rng.integers(3))]
            case {"type": "record"}:
                return _event(avro, rng)
            case _:
                return _value(name, avro["type"], rng)
    match name, avro:
        case "verdict", _:
            return str(rng.choice(["outlier", "retracted"]))
        case "retracts" | "confirms", "string":
            return f"e{rng.integers(5)}"
    match avro:
        case "string":
            # Texts that are awkward in CSV and array literals, and few ids.
            return f"{name[0]}{rng.integers(5)}" if name.endswith("_id") else _text(rng)
        case "bytes":
            return bytes(rng.integers(0, 256, 4).tolist())
        case "int" | "long":
            return int(rng.integers(0, 40))
        case "boolean":
            return bool(rng.integers(2))
        case "float" | "double":
            return float(rng.integers(0, 400)) / 8
    raise NotImplementedError(f"{name} of type {avro}")


def _text(rng: np.random.Generator) -> str:
    return str(
        rng.choice(["", "plain", 'quote " comma ,', "back\\slash {brace}", "line\nbreak", "é"])
    )
