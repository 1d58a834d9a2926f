"""Threads that are the first to hand Polars an array of NumPy."""

from __future__ import annotations

import subprocess
import sys

# NumPy's import is held up for as long as it takes the other thread to come into it.
_TWO_AT_ONCE = """
import sys, threading, time
import polars as pl
if {ours}:
    import schemas.avro_types
import numpy as np
from polars import _dependencies

plain, together = _dependencies.import_module, threading.Barrier(2, timeout=2)

def slow(name):
    module = plain(name)
    if name == "numpy":
        together.wait()
        time.sleep(0.2 * (threading.current_thread().name == "second"))
    return module

_dependencies.import_module = slow
broken = []

def first_array():
    try:
        pl.Series(np.zeros(3))
    except Exception as error:
        broken.append(error)

threads = [threading.Thread(target=first_array, name=name) for name in ("first", "second")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(len(broken))
"""


def _broken(*, ours: bool) -> int:
    script = _TWO_AT_ONCE.format(ours=ours)
    return subprocess.run([sys.executable, "-c", script], check=False).returncode


def test_the_schemas_make_the_first_array_before_there_are_threads() -> None:
    assert _broken(ours=True) == 0


def test_without_them_one_of_two_threads_breaks() -> None:
    """Should this fail, Polars has mended it, and the line in schemas/avro_types.py may go."""
    assert _broken(ours=False) == 1
