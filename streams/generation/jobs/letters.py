"""Dead letters of requests whose jobs have failed: what nobody could make, to be tried again.

They are the requests themselves, as they stand in `generation.requests.v1`, addressed to the
dispatcher like those that it refuses. So `groundswell dlq` shows and redrives them alike.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

import structlog
from psycopg import AsyncConnection

from schemas.deadletters import DeadLetter, dead_letter
from schemas.publisher import Position
from streams.columnar.kafka.log import Slice, chunks, slices
from streams.decisions.store import Recorded, load
from streams.generation.dispatch.dispatch import CONSUMER
from streams.generation.jobs.job import JOBS

_GAP = 200  # records that are read in vain sooner than a connection is made for one more

log = structlog.get_logger()


class FailedRequests:
    """Finds the requests of failed jobs.

    Args:
        kafka: connection settings (librdkafka's names).
    """

    def __init__(self, dsn: str, kafka: dict[str, str]) -> None:
        self._dsn = dsn
        self._kafka = kafka

    async def letters(self, rows: Sequence[Recorded]) -> list[DeadLetter]:
        """The dead letters that follow from these events: one for each job that failed.

        A job that was not asked for in the topic has none; nor has one whose request retention has
        removed, which is logged.

        Raises:
            psycopg.Error: the jobs' stories cannot be read.
            LogReadError: their requests cannot be.
        """
        errors = {row.stream_id: row.body["error"] for row in rows if row.type == "Failed"}
        if not errors:
            return []
        async with await AsyncConnection.connect(self._dsn, autocommit=True) as conn:
            stories = await load(conn, JOBS.domain, errors)
        reasons: dict[Position, str] = {}
        for job_id, story in stories.items():
            record = story[0].body.get("request_record")
            if record is not None:
                reasons[Position.parse(record)] = f"the job failed: {errors[job_id]}"
        return await asyncio.to_thread(self._read, reasons) if reasons else []

    def _read(self, reasons: Mapping[Position, str]) -> list[DeadLetter]:
        letters = []
        with closing(chunks(self._kafka, self._slices(reasons))) as found:
            for chunk in found:
                for row, offset in enumerate(chunk.offsets):
                    reason = reasons.get(Position(chunk.topic, chunk.partition, offset))
                    if reason is not None:
                        letters.append(dead_letter(chunk, row, reason=reason, component=CONSUMER))
        return letters

    def _slices(self, wanted: Iterable[Position]) -> list[Slice]:
        """What has to be read, neighbours together."""
        places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for topic in {position.topic for position in wanted}:
            here = {part.partition: part for part in slices(self._kafka, topic)}
            for position in wanted:
                part = here.get(position.partition) if position.topic == topic else None
                if part is not None and part.first <= position.offset < part.last:
                    places[topic, position.partition].append(position.offset)
                elif position.topic == topic:
                    log.error("request of a failed job is not in the log", record=str(position))
        return [
            Slice(topic, partition, first, last + 1)
            for (topic, partition), offsets in places.items()
            for first, last in _runs(sorted(offsets))
        ]


def _runs(offsets: Sequence[int]) -> Iterable[tuple[int, int]]:
    """First and last of what lies close together."""
    first = last = offsets[0]
    for offset in offsets[1:]:
        if offset - last > _GAP:
            yield first, last
            first = offset
        last = offset
    yield first, last
