"""Events on disk in buckets by key, so that each key's whole story can be folded at once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl

from projections.gone import Tombstones, alive
from projections.rebuild.parts import Part, joined
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
        self._waiting: list[Part] = []
        self._rows = 0
        self._spans: list[Span] = []
        self._tombstones: dict[int, dict[int, str]] = {}
        # A hash is the same in one release of Polars only.
        head = {"polars": pl.__version__, "key": key, "buckets": count}
        self.count = count
        found = self._read_manifest()
        if not found or found[0] != head:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            self._note(head)
            return
        for fact in found[1:]:
            span = Span("", fact["partition"], fact["start"], fact["end"])
            self._took(span, dict(fact["tombstones"]))
        self._remove_unfinished()

    def end(self, partition: int, start: int) -> int:
        """Up to where a partition was taken in; `start` where nothing was."""
        return max((span.end for span in self._spans if span.partition == partition), default=start)

    def add(self, part: Part) -> None:
        """Take in what a span holds; spans of a partition follow each other."""
        self._waiting.append(part)
        self._rows += part.events.height
        if self._rows >= _MOST_ROWS:
            self.write()

    def write(self) -> None:
        """Write what waits in memory."""
        by_partition: dict[int, list[Part]] = {}
        for part in self._waiting:
            by_partition.setdefault(part.span.partition, []).append(part)
        for parts in by_partition.values():
            self._write(joined(parts, self._key))
        self._waiting, self._rows = [], 0

    def _write(self, part: Part) -> None:
        span = part.span
        bucket = pl.col(self._key).hash() % self.count
        files = part.events.with_columns(bucket.alias("_bucket")).partition_by(
            "_bucket", as_dict=True, include_key=False, maintain_order=True
        )
        for (number,), events in files.items():
            with self._path(int(number), span).open("wb") as file:
                events.write_ipc(file, compression="lz4")
                file.flush()
                os.fsync(file.fileno())
        facts = {"partition": span.partition, "start": span.start, "end": span.end}
        self._note({**facts, "tombstones": list(part.tombstones.items())})
        self._took(span, part.tombstones)

    def _took(self, span: Span, tombstones: Tombstones) -> None:
        self._spans.append(span)
        self._tombstones.setdefault(span.partition, {}).update(tombstones)

    def events(self, bucket: int) -> pl.DataFrame | None:
        """A bucket's events, each partition in the order of its log; None where it has none.

        Those that their key's tombstone follows are not among them.
        """
        frames = []
        for span in self._spans:
            path = self._path(bucket, span)
            if path.exists():
                tombstones = self._tombstones[span.partition]
                frames.append(alive(pl.read_ipc(path), self._key, tombstones))
        return pl.concat(frames) if frames else None

    def _path(self, bucket: int, span: Span) -> Path:
        return self._directory / f"{bucket:04}-{span.partition}-{span.start}-{span.end}.arrow"

    def _note(self, fact: dict[str, Any]) -> None:
        with (self._directory / _MANIFEST).open("a") as file:
            file.write(json.dumps(fact) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read_manifest(self) -> list[dict[str, Any]]:
        path = self._directory / _MANIFEST
        try:
            text = path.read_text()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed within a line
            path.write_text(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _remove_unfinished(self) -> None:
        """Files of a span that a killed process did not finish."""
        known = {self._path(number, span) for span in self._spans for number in range(self.count)}
        for path in self._directory.glob("*.arrow"):
            if path not in known:
                path.unlink()
