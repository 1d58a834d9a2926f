from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from streams.generation.work.workspace import workspace

HOLD = """
import sys, pathlib
from streams.generation.work.workspace import workspace
with workspace(pathlib.Path(sys.argv[1])) as own:
    (own / "half a video").write_bytes(b"x")
    print(own, flush=True)
    sys.stdin.read()
"""


def test_folders_of_workers_that_were_killed_are_removed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        theirs = Path(holder.stdout.readline().strip())
        with workspace(tmp_path) as first:
            assert theirs.exists()  # its worker lives
            holder.kill()
            holder.wait()
            with workspace(tmp_path) as second:
                assert not theirs.exists()
                assert first.exists()
                assert first != second
        assert not first.exists()
        assert not second.exists()


def test_a_folder_without_an_owner_is_removed(tmp_path: Path) -> None:
    (tmp_path / "worker-x").mkdir()
    (tmp_path / "somebody's").mkdir()
    with workspace(tmp_path) as own:
        assert {path.name for path in tmp_path.iterdir()} == {own.name, "lock", "somebody's"}
