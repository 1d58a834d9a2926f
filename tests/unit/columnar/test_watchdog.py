"""The end of a worker that hangs: in Python, and where Python itself stands still."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ARMED = """
import ctypes, time
from streams.columnar import watchdog
watchdog._GRACE_S = 0.2
watchdog.Watchdog("hung", 1.0, 70).start()
time.sleep(0.2)
{hang}
"""


@pytest.mark.parametrize(
    ("hang", "code"),
    [
        pytest.param("time.sleep(60)", 70, id="without progress"),
        # A function of PyDLL keeps the interpreter's lock, so the watchdog's thread hangs too.
        pytest.param("ctypes.PyDLL(None).sleep(60)", 1, id="with the interpreter's lock"),
    ],
)
def test_a_process_that_hangs_says_where_and_ends(hang: str, code: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ARMED.format(hang=hang)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert 'File "<string>", line 7' in ended.stderr
