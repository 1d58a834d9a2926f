"""Events of every topic that the projections read: repeated, late, tied, taken back, unusable ones.

Unusable records carry the header BAD with the reason; the projections know nothing of it.
"""

from __future__ import annotations

import datetime as dt
import io
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import fastavro
from confluent_kafka import Producer

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
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic

BAD = "tests.bad"

START = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
_YEAR_33658 = 10**18  # microseconds: Avro can say it, a table of PostgreSQL's cannot be told
_TEXTS = ["", "plain", 'quote " comma ,', "back\\slash {brace}", "line\nbreak", "é", "NULL", "\\N"]
_OFTEN = {EXPIRIES.events: 0.003}  # beside 1 for every other topic
_EXPIRED = 0.3  # of the time that the load has lasted
_REPEATED = 0.05
_BAD = 0.004
_TOMBSTONE = 0.002

Event = dict[str, Any]
Record = tuple[bytes | None, bytes | None, str]  # key, value, why it is bad


class Load:
    """Publishes events of a seed.

    Args:
        topics: those to be filled, by the name of the schema of their events.
        keys: how many videos there are.
    """

    def __init__(
        self, settings: Settings, topics: Mapping[str, Topic], *, seed: int = 1, keys: int = 2_000
    ) -> None:
        self._random = random.Random(seed)
        self._topics = [topics[name] for name in _MADE if name in topics]
        self._often = [_OFTEN.get(topic.events, 1.0) for topic in self._topics]
        self._keys = keys
        self._stories = {
            topic.name: _MADE[topic.events](self._random, keys) for topic in self._topics
        }
        self._last = {topic.name: deque[Record](maxlen=200) for topic in self._topics}
        with Registry(settings.registry_config()) as registry:
            self._encoders = {
                topic.name: _Encoder(topic, registry.id_of(topic)) for topic in self._topics
            }
        config = {"message.timeout.ms": 120_000, "log_level": 0}
        self._producer = Producer(producer_config(settings.kafka_config(), **config))
        self.sent = 0

    def publish(self, events: int) -> None:
        """Publish that many records; all acknowledged."""
        for _ in range(events):
            (topic,) = self._random.choices(self._topics, self._often)
            key, value, why = self._record(topic)
            self._send(topic.name, key, value, [(BAD, why.encode())] if why else [])
            self.sent += 1
        assert self._producer.flush(120) == 0

    def _record(self, topic: Topic) -> Record:
        chance, last = self._random.random(), self._last[topic.name]
        if last and chance < _REPEATED and topic.columnar:
            return self._random.choice(last)
        if chance > 1 - _TOMBSTONE:
            return f"v{_video(self._random, self._keys)}".encode(), None, ""
        if chance > 1 - _TOMBSTONE - _BAD:
            return self._encoders[topic.name].bad(self._to_be_spoiled(topic), self._random)
        record = self._encoders[topic.name].good(next(self._stories[topic.name]))
        last.append(record)
        return record

    def _to_be_spoiled(self, topic: Topic) -> Event:
        if topic.columnar:
            return next(self._stories[topic.name])
        if topic.events == VIRALITY_PREDICTIONS.events:
            return _prediction(self._random, self._random.getrandbits(60), "PredictionMade")
        # A story of its own: nothing that follows leans on it.
        return _job_event(self._random, self._random.getrandbits(60), 1, "Progressed")

    def _send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers)
                return
            except BufferError:
                self._producer.poll(0.1)


class _Encoder:
    """Events as records, good ones and bad ones."""

    def __init__(self, topic: Topic, schema_id: int) -> None:
        self._topic = topic
        self._schema = fastavro.parse_schema(topic.schema, named_schemas={})
        self._prefix = b"\0" + schema_id.to_bytes(4)
        self._names = (
            {}
            if topic.columnar
            else {one["name"]: f"{one['namespace']}.{one['name']}" for one in topic.schema}
        )
        self._bad: dict[str, Event] = _BROKEN[topic.events]

    def good(self, event: Event) -> Record:
        return event[self._topic.key].encode(), self._encoded(event), ""

    def bad(self, event: Event, rng: random.Random) -> Record:
        """A record that cannot be used, and why."""
        key = event[self._topic.key].encode()
        whole = self._encoded(event)
        spoiled: dict[str, bytes] = {
            "no Avro": b"no Avro at all",
            "cut off": whole[: len(whole) // 2],
            "of no known schema": b"\0" + (2**31 - 1).to_bytes(4) + whole[5:],
        }
        why = rng.choice([*spoiled, *self._bad])
        if why in spoiled:
            return key, spoiled[why], why
        changed = {
            name: _too_long(rng) if value is _TOO_LONG else value
            for name, value in self._bad[why].items()
        }
        return key, self._encoded(event | changed), why

    def _encoded(self, event: Event) -> bytes:
        body = io.BytesIO()
        told: Any = event
        if not self._topic.columnar:
            told = (self._names[event["_type"]], event)
        fastavro.schemaless_writer(body, self._schema, told)
        return self._prefix + body.getvalue()


_TOO_LONG = object()


def _too_long(rng: random.Random) -> str:
    """What no index of PostgreSQL takes, however well it is compressed."""
    return f"too long {rng.randbytes(10_000).hex()}"


_LONG_IDS: dict[str, Event] = {
    "an id that is too long": {"video_id": _TOO_LONG},
    "a channel that is too long": {"channel_id": _TOO_LONG},
}
_BROKEN: dict[str, dict[str, Event]] = {
    VIDEO_UPLOADS.events: {
        **_LONG_IDS,
        "an empty id": {"video_id": ""},
        "a duration below zero": {"duration_s": -1},
        "of 1970": {"occurred_at": dt.datetime(1970, 1, 2, tzinfo=dt.UTC)},
        "of the future": {"occurred_at": dt.datetime(2125, 1, 1, tzinfo=dt.UTC)},
        "NUL in a text": {"title": "nul \0"},
        "NUL in a list": {"tags": ["a", "nul \0"]},
        "published in a year of five digits": {"published_at": _YEAR_33658},
    },
    VIDEO_SNAPSHOTS.events: {
        **_LONG_IDS,
        "views below zero": {"views": -1},
        "NUL in a text": {"title": "nul \0"},
        "published in a year of five digits": {"published_at": _YEAR_33658},
    },
    VIRALITY_SCORES.events: {
        **_LONG_IDS,
        "NUL in a list": {"reasons": ["nul \0"]},
        "in a year of five digits": {"as_of": _YEAR_33658},
    },
    OUTLIER_DETECTIONS.events: {
        **_LONG_IDS,
        "NUL in a text": {"format": "nul \0"},
        "in a year of five digits": {"occurred_at": _YEAR_33658},
    },
    CHANNEL_SNAPSHOTS.events: {
        "a channel that is too long": {"channel_id": _TOO_LONG},
        "subscribers below zero": {"subscribers": -1},
        "NUL in a text": {"title": "nul \0"},
        "of the future": {"occurred_at": dt.datetime(2125, 1, 1, tzinfo=dt.UTC)},
    },
    OUTLIER_BASELINES.events: {
        "a channel that is too long": {"channel_id": _TOO_LONG},
        "in a year of five digits": {"as_of": _YEAR_33658},
    },
    VIRALITY_FORECASTS.events: {
        **_LONG_IDS,
        "NUL in a list": {"reasons": ["nul \0"]},
        "in a year of five digits": {"as_of": _YEAR_33658},
    },
    VIRALITY_PREDICTIONS.events: {
        "a prediction that is too long": {"prediction_id": _TOO_LONG},
        "an empty id": {"prediction_id": ""},
        "NUL in a text": {"request": "nul \0"},
        "due in a year of five digits": {"due_at": _YEAR_33658},
    },
    EXPIRIES.events: {"an empty id": {"event_id": ""}},
    GENERATION_EVENTS.events: {
        "an id that is too long": {"job_id": _TOO_LONG},
        "NUL in a text": {"step": "nul \0"},
        "what JSON cannot say": {"percent": float("nan")},
    },
}


def _uploads(rng: random.Random, keys: int) -> Iterator[Event]:
    for number in count():
        video = _video(rng, keys)
        yield {
            "event_id": f"upload-{number}",
            "occurred_at": _instant(rng),
            "video_id": f"v{video}",
            "channel_id": _channel(rng, video),
            "title": rng.choice(_TEXTS),
            "description": _maybe(rng, rng.choice(_TEXTS)),
            "duration_s": _maybe(rng, rng.randrange(5_000)),
            "category": _maybe(rng, rng.choice(_TEXTS)),
            "language": _maybe(rng, "de"),
            "tags": rng.choices(_TEXTS, k=rng.randrange(4)),
            "published_at": START - dt.timedelta(hours=rng.randrange(1_000)),
        }


def _snapshots(rng: random.Random, keys: int) -> Iterator[Event]:
    for number in count():
        video = _video(rng, keys)
        yield {
            "event_id": f"snapshot-{number}",
            "occurred_at": _instant(rng),
            "video_id": f"v{video}",
            "channel_id": _channel(rng, video),
            "title": _maybe(rng, rng.choice(_TEXTS)),
            "published_at": START - dt.timedelta(hours=rng.randrange(1_000)),
            "duration_s": _maybe(rng, rng.randrange(5_000)),
            "category": _maybe(rng, rng.choice(_TEXTS)),
            "views": _maybe(rng, rng.getrandbits(40)),
            "likes": _maybe(rng, rng.getrandbits(20)),
            "comments": _maybe(rng, rng.getrandbits(10)),
        }


def _channel_snapshots(rng: random.Random, keys: int) -> Iterator[Event]:
    for number in count():
        yield {
            "event_id": f"channel-snapshot-{number}",
            "occurred_at": _instant(rng),
            "channel_id": f"c{_video(rng, keys) % 500}",
            "title": _maybe(rng, rng.choice(_TEXTS)),
            "subscribers": _maybe(rng, rng.getrandbits(30)),
            "views": _maybe(rng, rng.getrandbits(40)),
            "videos": _maybe(rng, rng.getrandbits(10)),
        }


def _expiries(rng: random.Random, keys: int) -> Iterator[Event]:
    """What the log received in the first part of the time is to be gone."""
    began = dt.datetime.now(dt.UTC)
    for number in count():
        now = dt.datetime.now(dt.UTC)
        yield {
            "event_id": f"expiry-{number}",
            "occurred_at": now,
            "before": began + (now - began) * _EXPIRED * rng.random(),
        }


def _scores(rng: random.Random, keys: int) -> Iterator[Event]:
    """States: a row of a video and an offset is the same row whenever it is written."""
    for video, at in _states(rng, keys):
        yield _score(random.Random(f"{video} {at}"), video, at)


def _forecasts(rng: random.Random, keys: int) -> Iterator[Event]:
    """A forecast is made again after a crash, perhaps by another model."""
    for video, at in _states(rng, keys):
        model = f"m{rng.randrange(3)}"
        yield _forecast(random.Random(f"{video} {at} {model}"), video, at, model)


def _baselines(rng: random.Random, keys: int) -> Iterator[Event]:
    for channel, at in _states(rng, min(keys, 500)):
        yield _baseline(random.Random(f"{channel} {at}"), channel, at)


def _states(rng: random.Random, keys: int) -> Iterator[tuple[int, int]]:
    """Keys and the offsets that their rows have reached."""
    reached: dict[int, int] = {}
    while True:
        key = _video(rng, keys)
        at = reached[key] = reached.get(key, rng.randrange(10)) + rng.randrange(1, 4)
        if rng.random() < 0.05:  # a worker that slept writes an old one again
            at = max(0, at - rng.randrange(20))
        yield key, at


def _score(rng: random.Random, video: int, applied_offset: int) -> Event:
    counts = ("likes", "dislikes", "comments", "shares", "saves", "impressions", "watch_ms")
    return {
        "video_id": f"v{video}",
        "channel_id": f"c{video % 100}",
        "as_of": START + dt.timedelta(seconds=applied_offset * 7 + rng.randrange(60)),
        "views": rng.getrandbits(40),
        **{name: rng.getrandbits(30) for name in counts},
        **{f"views_{window}": _figure(rng) for window in ("1h", "6h", "24h", "7d")},
        "unique_viewers": rng.getrandbits(30),
        "viewers": rng.randbytes(8),
        **{name: _figure(rng) for name in ("score", "velocity", "acceleration")},
        **_expected(rng),
        "model_version": "m1",
        "reasons": rng.choices(_TEXTS, k=rng.randrange(3)),
        "applied_offset": applied_offset,
        "generation": rng.randrange(5),
    }


def _forecast(rng: random.Random, video: int, applied_offset: int, model: str) -> Event:
    return {
        "video_id": f"v{video}",
        "channel_id": f"c{video % 100}",
        "as_of": START + dt.timedelta(seconds=applied_offset * 7 + rng.randrange(60)),
        "published_at": START - dt.timedelta(hours=rng.randrange(1_000)),
        "age_s": rng.getrandbits(20),
        "views": _maybe(rng, rng.getrandbits(40)),
        **_expected(rng),
        **{name: _maybe(rng, _figure(rng)) for name in ("score", "velocity", "acceleration")},
        "stage": _maybe(rng, "after"),
        "model_version": model,
        "reasons": rng.choices(_TEXTS, k=rng.randrange(3)),
        "applied_offset": applied_offset,
    }


def _baseline(rng: random.Random, channel: int, applied_offset: int) -> Event:
    judged = rng.sample([(kind, age) for kind in ("short", "long") for age in range(9)], k=3)
    return {
        "channel_id": f"c{channel}",
        "as_of": START + dt.timedelta(seconds=applied_offset * 7 + rng.randrange(60)),
        "snapshots": rng.getrandbits(30),
        "baselines": [
            {
                "format": kind,
                "age_from_h": age,
                "n": rng.getrandbits(8),
                "median_log10_views": _figure(rng),
                "mad_log10_views": _figure(rng),
                "scale_log10": _figure(rng),
                "df": _figure(rng),
            }
            for kind, age in judged
        ],
        "days": [
            {"day": START + dt.timedelta(days=day), "tests": rng.getrandbits(20)}
            for day in range(applied_offset // 10, applied_offset // 10 + rng.randrange(4))
        ],
        "tests_gone": rng.choice([0, 0, rng.getrandbits(20)]),
        "applied_offset": applied_offset,
        "generation": rng.randrange(5),
    }


def _predictions(rng: random.Random, keys: int) -> Iterator[Event]:
    """Predictions, shadows' words on them and actuals in any order, some of them again."""
    kinds = ("PredictionMade", "PredictionShadowed", "ActualObserved", "ActualObserved")
    while True:
        yield _prediction(rng, _video(rng, keys), rng.choice(kinds))


def _prediction(rng: random.Random, number: int, kind: str) -> Event:
    band = ("predicted_views", "lower", "upper")
    head = {
        "_type": kind,
        "event_id": f"{number}-{rng.getrandbits(60):x}",
        "occurred_at": _instant(rng),
        "prediction_id": f"p{number}",
        "horizon_h": _maybe(rng, 24.0),
    }
    if kind == "ActualObserved":
        return head | {
            "actual_views": rng.getrandbits(40),
            "feedback": _maybe(rng, rng.choice(_TEXTS)),
            "source": rng.choice(["given", "observed"]),
        }
    said = {
        **{name: rng.uniform(0, 1e6) for name in band},
        "model_version": f"m{rng.randrange(3)}",
        "score": _maybe(rng, rng.uniform(0, 100)),
        "stage": _maybe(rng, "before"),
    }
    if kind == "PredictionShadowed":
        return head | said
    asked = ("video_id", "category", "channel_id", "user_id")
    return {
        **head,
        **said,
        **{name: _maybe(rng, f"{name}{rng.randrange(9)}") for name in asked},
        "title": rng.choice(_TEXTS),
        "request": rng.choice(_TEXTS),
        "due_at": _maybe(rng, _instant(rng)),
    }


def _expected(rng: random.Random) -> Event:
    """Views expected at each age, with a band."""
    return {
        f"predicted_views_{horizon}{bound}": _maybe(rng, rng.uniform(0, 1e6))
        for horizon in ("24h", "7d", "30d")
        for bound in ("", "_lower", "_upper")
    }


def _detections(rng: random.Random, keys: int) -> Iterator[Event]:
    """Verdicts: the one on a snapshot is the same whenever it is written."""
    while True:
        own = (_video(rng, keys), rng.randrange(20), rng.randrange(50), rng.randrange(4))
        yield _detection(random.Random(repr(own)), *own)


def _detection(rng: random.Random, video: int, age: int, offset: int, partition: int) -> Event:
    figures = ("expected_views", "multiple", "z", "tail_probability")
    return {
        "event_id": f"{video}-{age}-{partition}-{offset}",
        "occurred_at": _instant(rng),
        "video_id": f"v{video}",
        "channel_id": f"c{video % 100}",
        "title": _maybe(rng, rng.choice(_TEXTS)),
        "format": rng.choice(["short", "long"]),
        "published_at": START - dt.timedelta(hours=rng.randrange(1_000)),
        "age_s": rng.getrandbits(20),
        "age_from_h": age,
        "views": rng.getrandbits(40),
        **{name: _figure(rng) for name in figures},
        "too_recent": rng.random() < 0.5,
        "insufficient_history": rng.random() < 0.5,
        "baseline_n": rng.getrandbits(10),
        "baseline_median_log10": _figure(rng),
        "baseline_mad_log10": _figure(rng),
        "source_partition": partition,
        "source_offset": offset,
        **_verdict(rng),
    }


def _verdict(rng: random.Random) -> Event:
    retracted = rng.random() < 0.2
    return {
        "verdict": "retracted" if retracted else "outlier",
        "retracts": f"e{rng.randrange(9)}" if retracted else None,
        "reason": rng.choice(["recount", "rejudged"]) if retracted else None,
        "confirms": _maybe(rng, f"e{rng.randrange(9)}"),
        "category": _maybe(rng, rng.choice(_TEXTS)),
        "expected_low": _maybe(rng, _figure(rng)),
        "expected_high": _maybe(rng, _figure(rng)),
        "scale_log10": _maybe(rng, _figure(rng)),
        "df": _maybe(rng, _figure(rng)),
        "growth": rng.choice(_TEXTS),
    }


# What may follow in a job's story; nothing follows an end.
_RUNNING = ("Progressed", "Progressed", "AttemptFailed", "Completed", "Cancelled")
_NEXT: dict[str, tuple[str, ...]] = {
    "": ("JobQueued",),
    "JobQueued": ("AttemptStarted", "AttemptStarted", "Cancelled"),
    "AttemptStarted": _RUNNING,
    "Progressed": _RUNNING,
    "AttemptFailed": ("RetryScheduled", "RetryScheduled", "Failed", "Cancelled"),
    "RetryScheduled": ("AttemptStarted", "AttemptStarted", "Cancelled"),
}


def _jobs(rng: random.Random, keys: int) -> Iterator[Event]:
    """Each job's versions come in order; now and then the last few come again."""
    told: dict[int, list[Event]] = {}
    born = count()
    alive: list[int] = []
    while True:
        if len(alive) < 200:
            alive.append(next(born))
        job = rng.choice(alive)
        own = told.setdefault(job, [])
        follow = _NEXT.get(own[-1]["_type"] if own else "", ())
        if not follow or (own and rng.random() < _REPEATED):
            yield from own[-rng.randint(1, 3) :]
            if not follow:
                alive.remove(job)
                del told[job]
            continue
        own.append(_job_event(rng, job, len(own) + 1, rng.choice(follow)))
        yield own[-1]


def _job_event(rng: random.Random, job: int, version: int, kind: str) -> Event:
    said: dict[str, Callable[[], Event]] = {
        "JobQueued": lambda: {
            "user_id": f"u{rng.randrange(50)}",
            "prompt": rng.choice(_TEXTS),
            "width": rng.randrange(1_000),
            "height": rng.randrange(1_000),
            "num_steps": rng.randrange(50),
            "quality": rng.choice(["low", "medium", "high"]),
            "seed": _maybe(rng, rng.getrandbits(60)),
            "duration_s": rng.uniform(0, 9),
            "priority": rng.choice(["high", "default", "low"]),
            "max_retries": rng.randrange(4),
            "provider": _maybe(rng, "local"),
            "source_video_id": _maybe(rng, f"v{rng.randrange(50)}"),
            "requested_by": rng.choice(["api", "policy", "producer"]),
            "metadata": _maybe(rng, '{"a": 1}'),
        },
        "AttemptStarted": lambda: {
            "attempt": version,
            "provider_used": "local",
            "model": rng.choice(_TEXTS),
            "fencing_token": f"{rng.getrandbits(64):x}",
            "worker": f"w{rng.randrange(9)}",
        },
        "Progressed": lambda: {
            "attempt": version,
            "percent": rng.uniform(0, 100),
            "step": rng.choice(_TEXTS),
        },
        "AttemptFailed": lambda: {
            "attempt": version,
            "error": rng.choice(_TEXTS),
            "retryable": rng.random() < 0.5,
        },
        "RetryScheduled": lambda: {
            "attempt": version,
            "retry_at": _instant(rng),
            "delay_s": rng.uniform(0, 60),
        },
        "Completed": lambda: {
            "attempt": version,
            "artifact": f"a{rng.getrandbits(32):x}",
            "thumbnail": f"t{rng.getrandbits(32):x}",
            "bytes": rng.getrandbits(30),
            "sha256": f"{rng.getrandbits(256):x}",
            "video_seconds": rng.uniform(0, 9),
            "processing_s": rng.uniform(0, 90),
        },
        "Failed": lambda: {"error": rng.choice(_TEXTS)},
        "Cancelled": lambda: {"reason": rng.choice(_TEXTS)},
    }
    head = {
        "_type": kind,
        "event_id": f"{job}-{version}",
        "occurred_at": START + dt.timedelta(seconds=60 * version + rng.randrange(60)),
        "job_id": f"job-{job}",
        "version": version,
    }
    return head | said[kind]()


def _video(rng: random.Random, keys: int) -> int:
    """Few of them get most of the events."""
    return min(int(rng.paretovariate(0.5)) - 1, keys * 1000) % keys


def _channel(rng: random.Random, video: int) -> str:
    """Now and then another one: then a video is in two partitions of the snapshots."""
    return f"c{(video + (rng.random() < 0.05)) % 100}"


def _instant(rng: random.Random) -> dt.datetime:
    return START + dt.timedelta(minutes=rng.randrange(2_000))


def _figure(rng: random.Random) -> float:
    return rng.choice([0.0, rng.uniform(0, 1), rng.uniform(0, 1e9), -rng.random()])


def _maybe(rng: random.Random, value: Any) -> Any:
    return None if rng.random() < 0.3 else value


_MADE: dict[str, Callable[[random.Random, int], Iterator[Event]]] = {
    VIDEO_UPLOADS.events: _uploads,
    VIDEO_SNAPSHOTS.events: _snapshots,
    EXPIRIES.events: _expiries,
    VIRALITY_SCORES.events: _scores,
    OUTLIER_DETECTIONS.events: _detections,
    GENERATION_EVENTS.events: _jobs,
    CHANNEL_SNAPSHOTS.events: _channel_snapshots,
    OUTLIER_BASELINES.events: _baselines,
    VIRALITY_FORECASTS.events: _forecasts,
    VIRALITY_PREDICTIONS.events: _predictions,
}
