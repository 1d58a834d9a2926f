"""Predictions a second of one thread: compiled trees beside LightGBM's own predict.

300 trees of 63 leaves over 24 features, for 100,000 rows, 100 and one. Both sides get the same
matrix, and are held against each other first.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine
from streams.virality.models.boosting import DEFAULTS
from streams.virality.models.compiled import compile_trees

Floats = npt.NDArray[np.float64]

ROWS = 100_000
RUNS = 5
_REPEATS = {100_000: 1, 100: 200, 1: 2_000}
TREES, LEAVES, FEATURES = 300, 63, 24
_TRAINED_ON = 40_000


def run(rows: int = ROWS, runs: int = RUNS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench inference --json` prints."""
    text = _trees()
    peer = lightgbm.Booster(model_str=text)
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as folder:
        started = time.perf_counter()
        ours = compile_trees(text, Path(folder) / "compiled")
        compiled_s = time.perf_counter() - started
        table = _table(rows, 2)
        difference = float(np.abs(ours.predict(table) - _peer(peer, table)).max())
        assert difference < 1e-9, difference
        turns = [
            {
                str(count): {
                    "ours": _seconds(lambda part: ours.predict(part), table[:count], count),
                    "lightgbm": _seconds(lambda part: _peer(peer, part), table[:count], count),
                }
                for count in (rows, 100, 1)
            }
            for _ in range(runs)
        ]
    taken = {
        count: {
            name: {clock: median(turn[count][name][clock] for turn in turns) for clock in clocks}
            for name, clocks in sides.items()
        }
        for count, sides in turns[0].items()
    }
    ratios = {
        count: round(sides["lightgbm"]["cpu_s"] / sides["ours"]["cpu_s"], 2)
        for count, sides in taken.items()
    }
    whole = taken[str(rows)]
    return {
        "name": "inference",
        # One thread each: processor time is what neighbours on the machine disturb least.
        "ours": rows / whole["ours"]["cpu_s"],
        "unit": "rows per processor second",
        "peers": {"lightgbm": rows / whole["lightgbm"]["cpu_s"]},
        "ratios": {"lightgbm": ratios[str(rows)]},
        "ratios_by_rows": ratios,
        "seconds": taken,
        "largest_difference": difference,
        "compile_s": round(compiled_s, 1),
        "bar": 5,
        "stretch": 8,
        "runs": turns,
        "machine": machine(),
    }


def _trees() -> str:
    """Trees grown on made-up data with the parameters of the models that are served."""
    table = _table(_TRAINED_ON, 1)
    known = np.nan_to_num(table)
    target = known @ np.linspace(1, 0.1, FEATURES) + np.sin(known[:, 0] * known[:, 1])
    options = {
        **DEFAULTS,
        "num_leaves": LEAVES,
        "num_threads": 1,
        "verbose": -1,
        "seed": 1,
        "deterministic": True,
        "force_row_wise": True,
    }
    return str(lightgbm.train(options, lightgbm.Dataset(table, target), TREES).model_to_string())


def _table(rows: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, FEATURES))
    table[generator.random(table.shape) < 0.1] = np.nan
    return table


def _peer(booster: lightgbm.Booster, table: Floats) -> Floats:
    return np.asarray(booster.predict(table, num_threads=1))


def _seconds(predict: Any, table: Floats, count: int) -> dict[str, float]:
    """Wall and processor seconds of one call, the mean of several where it is short."""
    repeats = _REPEATS.get(count, 1)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        predict(table)
    return {
        "wall_s": (time.perf_counter() - wall) / repeats,
        "cpu_s": (time.process_time() - cpu) / repeats,
    }
