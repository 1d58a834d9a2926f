"""`groundswell youtube serve`, as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.integration.infra.waiting import until


def test_it_serves_until_told_to_stop(tmp_path: Path) -> None:
    command = "from infra.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "youtube", "serve", "--port", "0", "--quota", "7"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GROUNDSWELL_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        endpoint = process.stdout.readline().strip().removeprefix("YOUTUBE_API_ENDPOINT=")

        def answers() -> bool:
            try:
                quota = httpx.get(f"{endpoint}/_local/quota?key=k").json()
                return bool(quota["limit"] == 7)
            except httpx.ConnectError:
                return False

        until(answers, "the server")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)
        process.stdout.close()
    assert process.returncode == 0  # Ctrl-C is how it is ended


def test_a_directory_without_charts_is_one_line(tmp_path: Path) -> None:
    command = "from infra.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "youtube", "serve", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "GROUNDSWELL_HOME": str(tmp_path)},
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "has no trending_videos.parquet" in done.stderr
