"""One partition of an agent: decode, drop duplicates, guard, fold, keep what is to be sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
import structlog
from polars.exceptions import PanicException

from schemas.chunks import Chunk
from schemas.deadletters import DeadLetter, dead_letter
from schemas.frames import Decoded
from schemas.topic import Topic
from streams.columnar.duplicates import DuplicateWindow
from streams.columnar.fold import ROW, Fold, Folded, numbered
from streams.columnar.kafka.partitioner import partitions_of
from streams.columnar.state.table import KeyedTable

log = structlog.get_logger()

APPLIED = "applied_offset"

_IDENTITY = "_identity"
_SAMPLE = 500  # events whose timestamps are looked at


@dataclass
class Outbox:
    """What a flush sends of one partition, and where the input stands once it is acknowledged.

    Attributes:
        rows: changed state rows, with `applied_offset`.
        emitted: events that follow, by topic.
        letters: dead letters.
        next_offset: first input offset that is not contained.
    """

    rows: pl.DataFrame
    emitted: dict[Topic, list[pl.DataFrame]]
    letters: list[DeadLetter]
    next_offset: int


@dataclass
class Partition:
    """State and buffers of one input partition.

    Attributes:
        fold_from: events before this offset are in the state for certain; they are only read again
            to remember their ids.
        next_offset: the first offset that has not been processed.
        restored_offset: highest applied offset among the restored rows. Beyond it no row can be
            ahead of the log, and the guard has nothing to do.
        partitions: how many the topic has, to notice keys that are elsewhere than the murmur2
            partitioner puts them; 0 does not look.
        state: name of the state, for dead letters.
    """

    name: str
    topic: Topic
    fold: Fold
    table: KeyedTable
    duplicates: DuplicateWindow
    fold_from: int
    next_offset: int
    restored_offset: int = -1
    partitions: int = 0
    state: str = ""
    _emitted: defaultdict[Topic, list[pl.DataFrame]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _letters: list[DeadLetter] = field(default_factory=list)
    _warned: bool = False
    _time: int = 0

    def process(self, chunk: Chunk, decoded: Decoded) -> int:
        """Fold a chunk in. Records before `next_offset` were processed already and are ignored.

        Returns:
            Events that were folded.
        """
        for reject in decoded.rejects:
            if chunk.offsets[reject.row] >= max(self.next_offset, self.fold_from):
                self._bury(chunk, reject.row, reject.reason)
        events = decoded.frame
        if chunk.first_offset < self.next_offset:
            events = events.filter(pl.col("_offset") >= self.next_offset)
        events = self._once(events, decoded.copies)
        if chunk.first_offset < self.fold_from:
            events = events.filter(pl.col("_offset") >= self.fold_from)
        folded = 0
        if events.height:
            self._time = log_time(events["_timestamp"])
            folded = self._fold(events, chunk)
        self.next_offset = max(self.next_offset, chunk.last_offset + 1)
        return folded

    def skip(self, offset: int) -> None:
        """Go on at `offset`: the log has no records from `next_offset` up to there."""
        self.next_offset = max(self.next_offset, offset)

    def take_outbox(self) -> Outbox:
        """Everything that has changed since the last call."""
        emitted, self._emitted = dict(self._emitted), defaultdict(list)
        letters, self._letters = self._letters, []
        # While the window is read again, what was flushed long ago stays flushed.
        reached = max(self.next_offset, self.fold_from)
        return Outbox(self.table.take_changed(), emitted, letters, reached)

    def acknowledged(self) -> None:
        """All that was taken so far is with the broker: what has been quiet for long is parked."""
        self.table.acknowledged()
        try:
            self.table.park()
        except OSError as error:
            log.warning("rows stay in memory", agent=self.name, reason=str(error))

    def write_again(self, last: pl.DataFrame) -> int:
        """Let the next flush write rows that somebody else's stand behind.

        Args:
            last: the key and `applied_offset` of the last row in the output topic, per key.

        Returns:
            How many of our rows are newer than the last one there.
        """
        ours = self.table.take(last[self.topic.key].to_list())
        newer = ours.filter(ours[APPLIED] > last[APPLIED])
        self.table.put(newer)
        return newer.height

    @property
    def pending(self) -> int:
        """Rows, events and letters that wait for a flush."""
        waiting = sum(frame.height for frames in self._emitted.values() for frame in frames)
        return self.table.changed_rows + waiting + len(self._letters)

    def _once(self, events: pl.DataFrame, copies: Mapping[int, str]) -> pl.DataFrame:
        """The events without duplicates.

        A copy has the id of a record that was refused, perhaps only after its id was seen. So it is
        known by that record too: it is no duplicate of it, but of another copy of it.
        """
        if not copies:
            return self.duplicates.filter(events, "event_id")
        repeated = pl.Series(copies.keys(), dtype=pl.Int64)
        records = pl.Series(copies.values(), dtype=pl.String)
        of = pl.col("_offset").replace_strict(repeated, records, default="")
        named = events.with_columns(pl.concat_str("event_id", of, separator="\0").alias(_IDENTITY))
        plain = pl.when(of == "").then("event_id").otherwise(_IDENTITY)
        named = named.with_columns(plain.alias(_IDENTITY))
        return self.duplicates.filter(named, _IDENTITY).drop(_IDENTITY)

    def _fold(self, events: pl.DataFrame, chunk: Chunk) -> int:
        keys, events = numbered(events, self.topic.key)
        rows = self.table.take(keys)
        astray = self._astray(rows, chunk)
        if astray.any():
            self._warn_of_strangers(keys.filter(pl.Series(astray))[0], chunk)
        if events["_offset"][0] <= self.restored_offset:
            fresh = guarded(events, rows)
            if fresh.height < events.height:
                return self._fold_fresh(fresh, chunk)
        return self._fold_rows(rows, events, chunk)

    def _fold_fresh(self, events: pl.DataFrame, chunk: Chunk) -> int:
        if events.is_empty():
            return 0
        keys, events = numbered(events, self.topic.key)
        return self._fold_rows(self.table.take(keys), events, chunk)

    def _fold_rows(self, rows: pl.DataFrame, events: pl.DataFrame, chunk: Chunk) -> int:
        try:
            folded = self.fold(rows.drop(APPLIED), events)
        except (Exception, PanicException) as error:
            return self._fold_apart(events, chunk, error)
        self._keep(folded, rows[self.topic.key], events)
        return events.height

    def _keep(self, folded: Folded, keys: pl.Series, events: pl.DataFrame) -> None:
        applied = np.empty(len(keys), dtype=np.int64)
        # Events are in the order of the log: the last assignment is the highest offset.
        applied[events[ROW].to_numpy()] = events["_offset"].to_numpy()
        offsets = pl.Series(APPLIED, applied)
        if folded.rows[keys.name].equals(keys):
            self.table.put(folded.rows.with_columns(offsets), at=self._time)
        else:
            rows = folded.rows.join(pl.DataFrame([keys, offsets]), on=keys.name)
            self.table.put(rows, at=self._time)
        for topic, frame in folded.emitted.items():
            if frame.height:
                self._emitted[topic].append(frame)

    def _fold_apart(self, events: pl.DataFrame, chunk: Chunk, error: BaseException) -> int:
        """Find the event that the fold cannot take, by halves; its result depends on no boundary.

        The event becomes a dead letter and the rest is folded.
        """
        if events.height > 1:
            half = events.height // 2
            return self._fold_fresh(events[:half], chunk) + self._fold_fresh(events[half:], chunk)
        offset = events["_offset"][0]
        log.exception("fold refused an event", agent=self.name, offset=offset)
        row = list(chunk.offsets).index(offset)
        self._bury(chunk, row, f"the fold refused it: {type(error).__name__}: {error}")
        return 0

    def _astray(self, rows: pl.DataFrame, chunk: Chunk) -> npt.NDArray[np.bool_]:
        """Which keys belong to another partition. Only those without a row are looked at."""
        astray = np.zeros(rows.height, dtype=np.bool_)
        new = rows[APPLIED].is_null().arg_true().to_numpy()
        if self.partitions and len(new):
            keys = rows[self.topic.key].gather(new).to_list()
            astray[new] = partitions_of(keys, self.partitions) != chunk.partition
        return astray

    def _warn_of_strangers(self, stranger: str, chunk: Chunk) -> None:
        """Say once that a producer has another partitioner.

        Its events count: as long as all producers agree, a key is in one partition. Where they do
        not, a key has a row in each of its partitions, each with a part of the counts.
        """
        if self._warned:
            return
        self._warned = True
        log.error(
            "keys in a partition that is not theirs",
            agent=self.name,
            topic=chunk.topic,
            partition=chunk.partition,
            key=stranger,
            mend="let every producer use the murmur2 partitioner (librdkafka: "
            "partitioner=murmur2_random), or one key's counts are split",
        )

    def _bury(self, chunk: Chunk, row: int, reason: str) -> None:
        log.warning(
            "dead letter",
            agent=self.name,
            topic=chunk.topic,
            partition=chunk.partition,
            offset=chunk.offsets[row],
            reason=reason,
        )
        letter = dead_letter(chunk, row, reason=reason, component=self.name, state=self.state)
        self._letters.append(letter)


def log_time(timestamps: pl.Series) -> int:
    """The time of a chunk of the log in milliseconds: the median, for some clocks are wrong.

    Args:
        timestamps: of the chunk's records, Datetime in microseconds.
    """
    some = timestamps.gather_every(-(-len(timestamps) // _SAMPLE)).to_physical()
    return int(np.median(some.to_numpy())) // 1000


def guarded(events: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The events that the rows do not contain yet.

    Args:
        events: with `_offset` and `_row`.
        rows: state rows with `applied_offset`; null where nothing was applied.
    """
    applied = rows[APPLIED].fill_null(-1).to_numpy()[events[ROW].to_numpy()]
    return events.filter(pl.Series(events["_offset"].to_numpy() > applied))
