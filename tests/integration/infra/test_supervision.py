"""Processes under supervision; every address is set, so no server is started."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.embedded.errors import HomeInUseError
from infra.processes import ProcessSpec
from infra.settings import Settings
from infra.supervisor import Event, Supervisor
from infra.supervisor.daemon import read_stack, running_pid, stop_detached
from tests.integration.infra.waiting import until

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        groundswell_home=tmp_path / "home",
        api_port=0,
        kafka_bootstrap_servers="127.0.0.1:1",
        schema_registry_url="http://127.0.0.1:1",
        database_url="postgresql://127.0.0.1:1/d",
        redis_url="redis://127.0.0.1:1",
    )


Run = Callable[..., Supervisor]


@pytest.fixture
def run(settings: Settings) -> Iterator[Run]:
    """Start a supervisor; it is stopped after the test."""
    started: list[Supervisor] = []

    def start(*specs: ProcessSpec, **options: Any) -> Supervisor:
        supervisor = Supervisor(settings, specs, **options)
        started.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop()


def process(settings: Settings, name: str) -> dict[str, Any]:
    stack = json.loads(settings.stack_file.read_text())
    found: dict[str, Any] = next(p for p in stack["processes"] if p["name"] == name)
    return found


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_process_that_is_killed_comes_back_and_the_stack_says_so(
    settings: Settings, run: Run
) -> None:
    events: list[Event] = []
    supervisor = run(ProcessSpec("sleeper", SLEEP, ""), on_event=events.append)
    assert supervisor.await_running(120) == []
    first = process(settings, "sleeper")
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: process(settings, "sleeper")["restarts"] == 1, "the restart")
    until(lambda: process(settings, "sleeper")["state"] == "running", "the second life")
    second = process(settings, "sleeper")
    assert second["pid"] != first["pid"]
    assert second["last_exit"] == -signal.SIGKILL
    assert [e.what for e in events] == ["started", "ready", "died", "restarted", "ready"]


def test_one_that_cannot_be_run_is_tried_again_and_its_log_says_why(
    settings: Settings, run: Run
) -> None:
    run(ProcessSpec("absent", ("/nowhere/program",), ""))
    until(lambda: process(settings, "absent")["restarts"] >= 1, "a second try")
    assert process(settings, "absent")["last_exit"] == 127
    assert "/nowhere/program" in (settings.home / "logs" / "absent.log").read_text()


def test_what_a_dead_process_started_is_ended_with_it(settings: Settings, run: Run) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    supervisor = run(ProcessSpec("parent", (sys.executable, "-c", script), ""))
    log = settings.home / "logs" / "parent.log"
    until(lambda: log.read_text().endswith("\n"), "the grandchild's pid")
    grandchild = int(log.read_text())
    os.kill(process(settings, "parent")["pid"], signal.SIGKILL)
    until(lambda: gone(grandchild), "the grandchild's end")
    supervisor.stop()


def test_processes_get_addresses_port_and_key(settings: Settings, run: Run) -> None:
    names = ("DATABASE_URL", "ARTIFACTS_URL", "API_PORT", "API_KEY", "GROUNDSWELL_HOME")
    script = f"import os; print([os.environ[n] for n in {names}], flush=True)"
    supervisor = run(ProcessSpec("printer", (sys.executable, "-c", script), ""))
    log = settings.home / "logs" / "printer.log"
    until(lambda: "]" in log.read_text(), "its environment")
    assert supervisor.settings.api_key is not None
    assert log.read_text().splitlines()[0] == str(
        [
            settings.dsn,
            (settings.home / "artifacts").as_uri(),
            str(supervisor.settings.api_port),
            supervisor.settings.api_key.get_secret_value(),
            str(settings.home),
        ]
    )


def test_a_worker_is_told_where_to_serve_its_metrics_and_the_stack_tells_too(
    settings: Settings, run: Run
) -> None:
    script = "import os, time; print(os.environ['METRICS_PORT'], flush=True); time.sleep(600)"
    worker = ProcessSpec("worker", (sys.executable, "-c", script), "", agent="virality")
    run(worker, ProcessSpec("sleeper", SLEEP, ""))
    log = settings.home / "logs" / "worker.log"
    until(lambda: log.read_text().endswith("\n"), "its port")
    port = int(log.read_text())
    told = process(settings, "worker")
    assert (told["agent"], told["metrics"]) == ("virality", f"http://127.0.0.1:{port}/metrics")
    assert process(settings, "sleeper")["metrics"] is None
    os.kill(told["pid"], signal.SIGKILL)
    until(lambda: log.read_text().count("\n") == 2, "its second life")
    assert log.read_text().split() == [str(port)] * 2


def test_only_the_owner_can_read_what_the_stack_says(settings: Settings, run: Run) -> None:
    run()
    secrets = [settings.stack_file, settings.home / "run" / "api_key"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
    assert stat.S_IMODE((settings.home / "run").stat().st_mode) == 0o700


def test_the_key_stays_the_same_from_start_to_start(settings: Settings, run: Run) -> None:
    first = run()
    first.stop()
    assert run().settings.api_key == first.settings.api_key


def test_two_supervisors_do_not_share_a_home(run: Run) -> None:
    run()
    with pytest.raises(HomeInUseError, match=str(os.getpid())):
        run()


def test_provisioning_comes_before_any_process(settings: Settings, run: Run) -> None:
    seen: list[Any] = []

    def provision(resolved: Settings) -> None:
        seen.append((resolved.artifacts_url, (settings.home / "logs" / "sleeper.log").exists()))

    run(ProcessSpec("sleeper", SLEEP, ""), provision=provision)
    assert seen == [((settings.home / "artifacts").as_uri(), False)]


def test_when_provisioning_fails_nothing_is_left_running(settings: Settings, run: Run) -> None:
    def provision(resolved: Settings) -> None:
        raise ValueError("no such topic")

    with pytest.raises(ValueError, match="no such topic"):
        run(ProcessSpec("sleeper", SLEEP, ""), provision=provision)
    assert running_pid(settings) is None
    assert not settings.stack_file.exists()


def test_after_a_stop_no_stack_is_described(settings: Settings, run: Run) -> None:
    supervisor = run(ProcessSpec("sleeper", SLEEP, ""))
    pid = process(settings, "sleeper")["pid"]
    assert read_stack(settings) is not None
    supervisor.stop()
    assert gone(pid)
    assert read_stack(settings) is None
    assert not settings.stack_file.exists()


SUPERVISED = """
import sys
from infra.processes import ProcessSpec
from infra.settings import Settings
from infra.supervisor import Supervisor
settings = Settings.model_validate_json(sys.argv[1])
spec = ProcessSpec("stubborn", (sys.executable, "-c", sys.argv[2]), "")
supervisor = Supervisor(settings, [spec])
with supervisor.signals():
    supervisor.start()
    supervisor.run_forever()
"""


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Run a supervisor in a process of its own, keeping one process of the given code."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> subprocess.Popen[bytes]:
        popen = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, settings.model_dump_json(), code]
        )
        started.append(popen)
        until(lambda: (read_stack(settings) or {}).get("state") == "running", "the start")
        return popen

    yield start
    for popen in started:
        popen.kill()
        popen.wait()


def test_a_killed_supervisor_leaves_no_process_behind(
    settings: Settings, elsewhere: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    supervisor = elsewhere("import time; time.sleep(600)")
    pid = process(settings, "stubborn")["pid"]
    supervisor.kill()
    supervisor.wait()
    until(lambda: gone(pid), "the orphan's end")
    until(lambda: not settings.stack_file.exists(), "the description's end")


def test_the_home_of_a_killed_supervisor_can_be_started_again(
    settings: Settings, elsewhere: Callable[[str], subprocess.Popen[bytes]], run: Run
) -> None:
    killed = elsewhere("import time; time.sleep(600)")
    killed.kill()
    killed.wait()
    supervisor = run(ProcessSpec("sleeper", SLEEP, ""))
    assert supervisor.await_running(120) == []


def test_a_guard_that_is_killed_is_replaced(
    settings: Settings, elsewhere: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    supervisor = elsewhere("import time; time.sleep(600)")
    pid = process(settings, "stubborn")["pid"]

    def guards() -> list[psutil.Process]:
        children = psutil.Process(supervisor.pid).children()
        return [c for c in children if not gone(c.pid) and "guard" in c.cmdline()]

    (first,) = guards()
    first.kill()
    until(lambda: guards() not in ([], [first]), "another guard")
    supervisor.kill()
    supervisor.wait()
    until(lambda: gone(pid), "the orphan's end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(
    settings: Settings,
    elsewhere: Callable[[str], subprocess.Popen[bytes]],
    number: signal.Signals,
) -> None:
    supervisor = elsewhere(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('flushed', flush=True), sys.exit()))\n"
        "print('up', flush=True); time.sleep(600)"
    )
    log = settings.home / "logs" / "stubborn.log"
    until(lambda: "up" in log.read_text(), "the process")
    supervisor.send_signal(number)
    assert supervisor.wait(120) == 0
    assert log.read_text().split() == ["up", "flushed"]
    assert not settings.stack_file.exists()


def test_a_stack_is_stopped_from_another_process(
    settings: Settings, elsewhere: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    supervisor = elsewhere("import time; time.sleep(600)")
    assert running_pid(settings) == supervisor.pid
    assert stop_detached(settings) is True
    assert supervisor.wait(120) == 0
    assert stop_detached(settings) is False
