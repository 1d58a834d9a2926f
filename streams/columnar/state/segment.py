"""Rows in a scratch file: written once, read one by one."""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.columnar.state.index import Hashes, Numbers

_LENGTH = np.dtype(np.uint32)
_NULL = np.iinfo(_LENGTH).max  # the length of a null
_HASH = np.dtype(np.uint64)
_REFERENCE = np.dtype([("start", np.uint64), ("size", np.uint32), ("row", np.uint32)])
_REFERENCES = "references"
_BLOCK_ROWS = 16
_PIECE = 1 << 15  # rows that are read at once

Bytes = npt.NDArray[np.uint8]
Piece = tuple[pl.DataFrame, Hashes]  # rows, and the hashes of their keys


class Segment:
    """Some rows on disk. In memory a row costs five bytes.

    The file holds the rows, then the hashes of their keys. A row is the lengths of its cells and
    the cells; strings and binaries are cells. What is neither stands in a block, with that of the
    rows beside it, as an Arrow IPC stream in a second file; a cell says where.

    Args:
        folder: where the files lie; it exists.
        schema: columns of a row.
        pieces: at least one, less than 4 GiB altogether.

    Raises:
        OSError: they cannot be written.
    """

    def __init__(self, folder: Path, schema: pl.Schema, pieces: Iterable[Piece]) -> None:
        self._schema = schema
        self._cells = [name for name, dtype in schema.items() if dtype in (pl.String, pl.Binary)]
        self._nested = [name for name in schema if name not in self._cells]
        self._rows = ScratchFile(folder)
        self._blocks = ScratchFile(folder) if self._nested else None
        starts: list[npt.NDArray[np.uint32]] = []
        hashes: list[Hashes] = []
        for rows, some in pieces:
            encoded, ends = _encoded(self._as_cells(rows))
            starts.append((self._rows.size + ends[:-1]).astype(np.uint32))
            hashes.append(some)
            self._rows.append(encoded.data)
        self._starts = np.concatenate([*starts, [np.uint32(self._rows.size)]])
        self._rows.append(np.concatenate(hashes).data)
        self.alive = np.ones(len(self._starts) - 1, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.alive)

    @property
    def size(self) -> int:
        """Bytes of the rows, without what is nested."""
        return int(self._starts[-1])

    def close(self) -> None:
        """Give the files up."""
        self._rows.close()
        if self._blocks is not None:
            self._blocks.close()

    def hashes(self) -> Hashes:
        """Hashes of the keys of all rows."""
        content = self._rows.read(self.size, len(self) * _HASH.itemsize)
        return np.frombuffer(content, dtype=_HASH)

    def read(self, rows: Numbers) -> pl.DataFrame:
        """The rows of those numbers, in their order.

        Raises:
            OSError: the file cannot be read.
        """
        starts, ends = self._starts[rows].tolist(), self._starts[rows + 1].tolist()
        parts = [
            self._rows.read(start, end - start) for start, end in zip(starts, ends, strict=True)
        ]
        return self._decoded(b"".join(parts), np.cumsum([0, *map(len, parts)])[:-1])

    def alive_pieces(self) -> Iterator[tuple[pl.DataFrame, Numbers]]:
        """The rows that are alive and their numbers, some at a time."""
        for first in range(0, len(self), _PIECE):
            rows = first + np.flatnonzero(self.alive[first : first + _PIECE])
            if len(rows):
                starts = self._starts[rows].astype(np.int64)
                end = int(self._starts[rows[-1] + 1])
                content = self._rows.read(int(starts[0]), end - int(starts[0]))
                yield self._decoded(content, starts - starts[0]), rows

    def _as_cells(self, rows: pl.DataFrame) -> pl.DataFrame:
        cells = rows.select(self._cells)
        if self._blocks is None:
            return cells
        return cells.with_columns(_referenced(rows.select(self._nested), self._blocks))

    def _decoded(self, content: bytes, starts: Numbers) -> pl.DataFrame:
        """Rows of which each starts at a place of the content."""
        if self._blocks is None:
            columns = _decoded(content, starts, self._cells)
        else:
            columns = _decoded(content, starts, [*self._cells, _REFERENCES])
            columns |= _dereferenced(columns[_REFERENCES], self._blocks)
        return pl.DataFrame([columns[name].cast(dtype) for name, dtype in self._schema.items()])


class ScratchFile:
    """A file without a name: it is gone with the process, however that ends.

    Raises:
        OSError: there can be none.
    """

    def __init__(self, folder: Path) -> None:
        self._file, path = tempfile.mkstemp(dir=folder)  # for this user alone
        self.close = weakref.finalize(self, os.close, self._file)
        Path(path).unlink()
        self.size = 0

    def append(self, content: bytes | memoryview) -> None:
        """Write behind what is there.

        Raises:
            OSError: it cannot be written.
        """
        view = memoryview(content).cast("B")
        while view:  # one call takes 2 GiB at most
            written = os.pwrite(self._file, view, self.size)
            view, self.size = view[written:], self.size + written

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from there on.

        Raises:
            OSError: they cannot be read.
        """
        content = os.pread(self._file, size, start)
        while len(content) < size:
            more = os.pread(self._file, size - len(content), start + len(content))
            if not more:
                raise OSError(f"a scratch file ends before {start + size}")
            content += more
        return content


def _encoded(cells: pl.DataFrame) -> tuple[Bytes, Numbers]:
    """Rows of cells as bytes, and where each starts, with the end of the last."""
    binary = [values.cast(pl.Binary) for values in cells]
    lengths = np.stack([values.bin.size().fill_null(_NULL).to_numpy() for values in binary], axis=1)
    lengths = lengths.astype(_LENGTH)
    head = pl.Series(lengths.view(np.uint8).reshape(cells.height, -1))
    parts = [head, *(values.fill_null(b"") for values in binary)]
    lists = pl.DataFrame(
        [part.cast(pl.List(pl.UInt8)).alias(str(number)) for number, part in enumerate(parts)]
    )
    content = lists.select(pl.concat_list(pl.all())).to_series().explode().to_numpy()
    sizes = np.where(lengths == _NULL, 0, lengths).sum(axis=1, dtype=np.int64)
    return content, np.cumsum(np.concatenate(([0], sizes + lengths.shape[1] * _LENGTH.itemsize)))


def _decoded(content: bytes, starts: Numbers, names: list[str]) -> dict[str, pl.Series]:
    """Cells, as binaries, of the rows that start there."""
    head = len(names) * _LENGTH.itemsize
    places = starts[:, np.newaxis] + np.arange(head)
    lengths = np.frombuffer(content, dtype=np.uint8)[places].view(_LENGTH)
    null = lengths == _NULL
    sizes = np.where(null, 0, lengths).cumsum(axis=1, dtype=np.int64)
    ends = starts[:, np.newaxis] + head + sizes
    begin, columns = (starts + head).tolist(), {}
    for number, name in enumerate(names):
        end = ends[:, number].tolist()
        values: list[bytes | None] = [content[a:b] for a, b in zip(begin, end, strict=True)]
        for row in np.flatnonzero(null[:, number]).tolist():
            values[row] = None
        columns[name] = pl.Series(name, values, dtype=pl.Binary)
        begin = end
    return columns


def _referenced(nested: pl.DataFrame, blocks: ScratchFile) -> pl.Series:
    """Write nested values into blocks; where each row's are."""
    references = np.empty(nested.height, dtype=_REFERENCE)
    written = io.BytesIO()
    for first in range(0, nested.height, _BLOCK_ROWS):
        rows = np.arange(first, min(first + _BLOCK_ROWS, nested.height))
        start = written.tell()
        # Gathered: of a slice the stream would hold all that the lists of the whole hold.
        nested[rows].write_ipc_stream(written, compat_level=pl.CompatLevel.oldest())
        references["start"][rows] = blocks.size + start
        references["size"][rows] = written.tell() - start
        references["row"][rows] = rows - first
    blocks.append(written.getbuffer())
    content, size = references.tobytes(), _REFERENCE.itemsize
    cells = [content[at : at + size] for at in range(0, len(content), size)]
    return pl.Series(_REFERENCES, cells, dtype=pl.Binary)


def _dereferenced(cells: pl.Series, blocks: ScratchFile) -> dict[str, pl.Series]:
    """Nested values of rows."""
    references = np.frombuffer(b"".join(cells.to_list()), dtype=_REFERENCE)
    starts, first, block = np.unique(references["start"], return_index=True, return_inverse=True)
    sizes = references["size"][first]
    frames = [
        pl.read_ipc_stream(blocks.read(start, size))
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
    ]
    before = np.cumsum([0, *(frame.height for frame in frames)])
    rows = pl.concat(frames, rechunk=False)[before[block] + references["row"]]
    return {values.name: values for values in rows}
