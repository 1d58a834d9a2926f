"""An API of several processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from infra.supervisor.environment import as_environment
from tests.integration.api.conftest import KEY, Api


@pytest.mark.slow
def test_several_processes_serve_one_port_and_end_together(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = api.settings.model_copy(
        update={"api_workers": 2, "api_port": port, "log_level": "INFO"}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.run", "api"],
        env={**os.environ, **as_environment(settings)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        children: list[psutil.Process] = []
        deadline = time.monotonic() + 120
        served: set[str] = set()
        with httpx.Client(headers={"X-API-Key": KEY}, timeout=60) as client:
            while len(served) < 2:
                assert time.monotonic() < deadline
                assert process.poll() is None
                try:
                    # Each process counts its own requests; a new connection may go to either.
                    answer = client.get(
                        f"http://127.0.0.1:{port}/api/v1/totals", headers={"Connection": "close"}
                    )
                except httpx.TransportError:
                    time.sleep(0.2)
                    continue
                assert answer.status_code == 200
                children = psutil.Process(process.pid).children()
                served = {
                    str(one.pid)
                    for one in children
                    if any(found.laddr.port == port for found in one.net_connections("tcp"))
                }
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert psutil.wait_procs(children, 60)[1] == []
    finally:
        process.kill()
        process.wait()
