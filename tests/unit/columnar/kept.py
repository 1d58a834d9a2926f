"""How much memory a few values keep that were filtered from much longer columns, in bytes.

python -m tests.unit.columnar.kept text|binary|struct
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import psutil

from streams.columnar.state.arrays import detached

BULK = 20_000_000  # bytes of a column
TIMES = 10
_LENGTH = 2_000
_COUNT = BULK // _LENGTH


def bulk(kind: str) -> pl.Series:
    text = pl.Series("c", ["x" * _LENGTH] * _COUNT)
    if kind == "text":
        return text
    if kind == "binary":
        return text.cast(pl.Binary)
    return pl.DataFrame([text]).select(pl.struct("c").alias("c")).to_series()


def main(kind: str) -> None:
    few = pl.Series(np.arange(_COUNT) % 100 == 0)
    kept = []
    before = 0
    for time in range(-1, TIMES):
        values = bulk(kind).filter(few)
        kept.append(detached(values))
        assert kept[-1].equals(values)
        del values
        if time < 0:  # what the libraries take for good is taken
            before = psutil.Process().memory_info().rss
    print(psutil.Process().memory_info().rss - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
