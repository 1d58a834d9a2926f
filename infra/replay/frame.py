"""A topic, or a slice of it, as a lazy frame."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import polars as pl

from infra.replay.errors import ReplayError
from infra.replay.source import LogSource
from infra.settings import Settings
from schemas.catalogue import topic_named
from schemas.topic import Topic
from streams.columnar.kafka.log import partition_count, slices
from streams.columnar.kafka.partitioner import partitions_of

Instant = dt.datetime | str


def replay(
    topic: Topic | str,
    *,
    since: Instant | None = None,
    until: Instant | None = None,
    key: str | None = None,
    partitions: Collection[int] | None = None,
    settings: Settings | None = None,
) -> pl.LazyFrame:
    """The events of a topic, partition by partition in the order of the log.

    Where the frame ends is fixed now: collected again, it has the same rows (as long as retention
    leaves them there). Reading happens when it is collected, in bounded memory with
    `collect(engine="streaming")` and with the sinks; only columns that the query uses are decoded,
    and a `head` stops reading. Records that cannot be used are left out, and counted in the log.
    What transactions have taken back, or not yet committed, is left out too.

    ```python
    from infra.replay import replay

    views = replay("engagement.events.v1", since="2026-05-01").filter(kind="view")
    print(views.group_by("video_id").len().collect(engine="streaming"))
    ```

    Args:
        topic: of the catalogue.
        since: from the first record that the log received then or later; text is ISO 8601, and
            UTC where no zone is given.
        until: up to the last record that the log received before then.
        key: only records with this key. Only the partition is read that it belongs to (murmur2);
            a warning in the log says so if keys are found there that belong elsewhere.
        partitions: only these; with a key, where it is looked for.
        settings: where the servers are; what the environment says unless given.

    Returns:
        The event's fields, then `_partition` Int32, `_offset` Int64, `_timestamp`
        Datetime(us, UTC): when the log received it. A life story has `_type` String first.

    Raises:
        UnknownTopicError: no topic has that name.
        ReplayError: a time is none, or `until` is not after `since`.
        NoStackError: an address is not set and no stack runs.
        LogReadError: the topic or a partition is not there, or Kafka does not answer. The same is
            raised when the frame is collected and retention has removed its beginning meanwhile.
    """
    settings = (settings or Settings()).resolved()
    return source(
        settings,
        topic_named(topic) if isinstance(topic, str) else topic,
        since=_instant(since),
        until=_instant(until),
        key=key,
        partitions=partitions,
    ).lazy()


def source(
    settings: Settings,
    topic: Topic,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    key: str | None = None,
    partitions: Collection[int] | None = None,
) -> LogSource:
    """The slices that a replay reads, as they are now; see `replay`."""
    if since is not None and until is not None and since >= until:
        raise ReplayError(f"there is nothing between {since} and {until}: the end is not later")
    kafka = settings.kafka_config()
    count = 0 if key is None else partition_count(kafka, topic.name)
    if key is not None and partitions is None:
        partitions = partitions_of([key], count).tolist()
    wanted = slices(kafka, topic.name, since=since, until=until, partitions=partitions)
    return LogSource(settings, topic, wanted, key=key, partitions=count)


def _instant(given: Instant | None) -> dt.datetime | None:
    if given is None:
        return None
    try:
        found = dt.datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise ReplayError(f"{given!r} is no time; write it like 2026-05-01T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
