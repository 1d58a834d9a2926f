"""Events on disk in buckets by key, so that each key's whole story can be folded at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from projections.spans import Span

_MANIFEST = "spans.ndjson"
_MOST_ROWS = 1_000_000  # kept in memory before they are written


class Buckets:
    """One source's events. What was written survives a killed process; it goes on behind it.

    Args:
        directory: of this source alone.
        key: the column that says which bucket an event is in.
        count: of buckets. Those that are there are of no use where there are more or fewer.
    """

    def __init__(self, directory: Path, key: str, count: int) -> None:
        self._directory = directory
        self._key = key
        self._waiting: list[tuple[Span, pl.DataFrame]] = []
        self._rows = 0
        self._spans: list[Span] = []
        # A hash is the same in one release of Polars only.
        head = {"polars": pl.__version__, "key": key, "buckets": count}
        self.count = count
        found = self._read_manifest()
        if found is None or found[0] != head:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            self._note(head)
        else:
            self._spans = found[1]
            self._remove_unfinished()

    def end(self, partition: int, start: int) -> int:
        """Up to where a partition was taken in; `start` where nothing was."""
        return max((span.end for span in self._spans if span.partition == partition), default=start)

    def add(self, span: Span, events: pl.DataFrame) -> None:
        """Take in what a span holds; spans of a partition follow each other."""
        self._waiting.append((span, events))
        self._rows += events.height
        if self._rows >= _MOST_ROWS:
            self.write()

    def write(self) -> None:
        """Write what waits in memory."""
        for span, events in _joined(self._waiting):
            bucket = pl.col(self._key).hash() % self.count
            parts = events.with_columns(bucket.alias("_bucket")).partition_by(
                "_bucket", as_dict=True, include_key=False, maintain_order=True
            )
            for (number,), part in parts.items():
                with self._path(int(number), span).open("wb") as file:
                    part.write_ipc(file, compression="lz4")
                    file.flush()
                    os.fsync(file.fileno())
            self._note({"partition": span.partition, "start": span.start, "end": span.end})
            self._spans.append(span)
        self._waiting, self._rows = [], 0

    def events(self, bucket: int) -> pl.DataFrame | None:
        """A bucket's events, each partition in the order of its log; None where it has none."""
        paths = [self._path(bucket, span) for span in self._spans]
        frames = [pl.read_ipc(path) for path in paths if path.exists()]
        return pl.concat(frames) if frames else None

    def _path(self, bucket: int, span: Span) -> Path:
        return self._directory / f"{bucket:04}-{span.partition}-{span.start}-{span.end}.arrow"

    def _note(self, fact: dict[str, Any]) -> None:
        with (self._directory / _MANIFEST).open("a") as file:
            file.write(json.dumps(fact) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read_manifest(self) -> tuple[dict[str, Any], list[Span]] | None:
        path = self._directory / _MANIFEST
        try:
            text = path.read_text()
        except FileNotFoundError:
            return None
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed within a line
            path.write_text(whole)
        if not whole:
            return None
        head, *facts = map(json.loads, whole.splitlines())
        spans = [Span("", fact["partition"], fact["start"], fact["end"]) for fact in facts]
        return head, spans

    def _remove_unfinished(self) -> None:
        """Files of a span that a killed process did not finish."""
        known = {self._path(number, span) for span in self._spans for number in range(self.count)}
        for path in self._directory.glob("*.arrow"):
            if path not in known:
                path.unlink()


def _joined(waiting: list[tuple[Span, pl.DataFrame]]) -> Iterator[tuple[Span, pl.DataFrame]]:
    """Spans of one partition as one, in the order in which they came."""
    by_partition: dict[int, list[tuple[Span, pl.DataFrame]]] = {}
    for span, events in waiting:
        by_partition.setdefault(span.partition, []).append((span, events))
    for partition, parts in by_partition.items():
        first, last = parts[0][0], parts[-1][0]
        whole = Span(first.topic, partition, first.start, last.end)
        yield whole, pl.concat([events for _, events in parts])
