"""What a worker measures, every metric named once; docs/metrics.md is made from this module.

Observed once a chunk, a flush or an assignment, never once a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from schemas.chunks import Chunk
from streams.columnar.handler import TopicPartition
from streams.columnar.lag import Lag

_AGENT = ("agent",)
_TOPIC = ("agent", "topic")
_PARTITION = ("agent", "topic", "partition")

# Records, up to somewhat more than one fetch is asked for.
_RECORDS = (1, 10, 100, 300, 1_000, 3_000, 10_000, 20_000, 40_000, 60_000, 100_000)
# Seconds, from a chunk of a few records to a flush that waits for a broker to come back.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """What every worker measures, in a registry of its own.

    Args:
        agent: label of everything here.
        topics: what it reads.
    """

    def __init__(self, agent: str, *topics: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._agent = agent
        self._lags: Mapping[TopicPartition, Lag] = {}
        self.lag_events = Gauge(
            "agent_lag_events",
            "Offsets up to the end of the log that are not processed yet.",
            _PARTITION,
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "agent_lag_seconds",
            "No record that is not processed yet is in the log for longer; 0 if there is none.",
            _PARTITION,
            registry=registry,
        )
        self.chunk_records = Histogram(
            "agent_chunk_records",
            "Records of a processed chunk; the sum counts every record processed.",
            _TOPIC,
            buckets=_RECORDS,
            registry=registry,
        )
        self.dead_letters = Counter(
            "agent_dead_letters_total",
            "Records of the topic that went to its dead letters, acknowledged by the broker.",
            _TOPIC,
            registry=registry,
        )
        self.last_restore = Gauge(
            "agent_last_restore_seconds",
            "How long the last take-over of partitions took, up to the first fetch.",
            _AGENT,
            registry=registry,
        )
        for topic in topics:  # from zero, or nobody sees the first increase
            self.chunk_records.labels(agent, topic)
            self.dead_letters.labels(agent, topic)

    def own(self, lags: Mapping[TopicPartition, Lag]) -> None:
        """Show the lag of these partitions; it is asked for whenever somebody scrapes."""
        self._lags = lags
        for where, lag in lags.items():
            self.lag_events.labels(*self._at(where)).set_function(lag.events)
            self.lag_seconds.labels(*self._at(where)).set_function(lag.seconds)

    def disown(self) -> None:
        """Show no partition any more."""
        self._lags = {}
        self.lag_events.clear()
        self.lag_seconds.clear()

    def look(self, ends: Mapping[TopicPartition, int] | None = None) -> None:
        """See which partitions have nothing left.

        Args:
            ends: of the log, where they were asked for.
        """
        for where, lag in self._lags.items():
            lag.look((ends or {}).get(where))

    def processed(self, chunk: Chunk) -> None:
        """Count a chunk."""
        self.chunk_records.labels(self._agent, chunk.topic).observe(len(chunk))
        lag = self._lags.get(TopicPartition(chunk.topic, chunk.partition))
        if lag is not None:  # else the partition was lost meanwhile
            lag.processed(chunk)

    def buried(self, topic: str, letters: int) -> None:
        """Count dead letters."""
        self.dead_letters.labels(self._agent, topic).inc(letters)

    def restored(self, seconds: float) -> None:
        """Tell how long a take-over took."""
        self.last_restore.labels(self._agent).set(seconds)

    def _at(self, where: TopicPartition) -> tuple[str, str, str]:
        return self._agent, where.topic, str(where.partition)


class FoldingMetrics(Metrics):
    """What an agent with state measures besides."""

    def __init__(self, agent: str, *topics: str) -> None:
        super().__init__(agent, *topics)
        registry = self.registry
        self.decode_seconds = Histogram(
            "agent_decode_seconds",
            "Time to make a frame of a chunk; several chunks wait decoded.",
            _AGENT,
            buckets=_SECONDS,
            registry=registry,
        )
        self.fold_seconds = Histogram(
            "agent_fold_seconds",
            "Time to take a decoded chunk into the state.",
            _AGENT,
            buckets=_SECONDS,
            registry=registry,
        )
        self.flush_seconds = Histogram(
            "agent_flush_seconds",
            "Time from the first row of a flush to the broker's last acknowledgement.",
            _AGENT,
            buckets=_SECONDS,
            registry=registry,
        )
        self.flushed_rows = Counter(
            "agent_flushed_rows_total",
            "State rows sent and acknowledged.",
            _AGENT,
            registry=registry,
        )
        self.repaired_rows = Counter(
            "agent_repaired_rows_total",
            "State rows restored although a worker that had lost the partition wrote older ones "
            "behind them; the next flush writes them again.",
            _AGENT,
            registry=registry,
        )
        self.keys = Gauge("agent_keys", "Keys that have state.", _PARTITION, registry=registry)
        self.dirty_rows = Gauge(
            "agent_dirty_rows",
            "State rows that wait for the next flush.",
            _PARTITION,
            registry=registry,
        )
        self.parked_keys = Gauge(
            "agent_parked_keys",
            "Keys whose state is set aside and not in memory.",
            _PARTITION,
            registry=registry,
        )
        self.decode_seconds.labels(agent)
        self.fold_seconds.labels(agent)
        self.flush_seconds.labels(agent)
        self.flushed_rows.labels(agent)
        self.repaired_rows.labels(agent)

    def disown(self) -> None:
        """Show no partition any more."""
        super().disown()
        self.keys.clear()
        self.dirty_rows.clear()
        self.parked_keys.clear()

    def decoding(self) -> AbstractContextManager[object]:
        """Time the decoding of a chunk."""
        return self.decode_seconds.labels(self._agent).time()

    def folding(self) -> AbstractContextManager[object]:
        """Time the folding of a chunk."""
        return self.fold_seconds.labels(self._agent).time()

    def flushing(self) -> AbstractContextManager[object]:
        """Time a flush."""
        return self.flush_seconds.labels(self._agent).time()

    def flushed(self, rows: int) -> None:
        """Count state rows."""
        self.flushed_rows.labels(self._agent).inc(rows)

    def repaired(self, rows: int) -> None:
        """Count state rows that another worker had overtaken."""
        self.repaired_rows.labels(self._agent).inc(rows)

    def set_rows(self, where: TopicPartition, *, keys: int, dirty: int) -> None:
        """Tell how large a partition's state is."""
        self.keys.labels(*self._at(where)).set(keys)
        self.dirty_rows.labels(*self._at(where)).set(dirty)

    def set_parked(self, where: TopicPartition, keys: int) -> None:
        """Tell how many of a partition's keys are set aside."""
        self.parked_keys.labels(*self._at(where)).set(keys)
