"""`python -m infra.run NAME`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import structlog

from infra import run
from infra.processes import PROCESSES
from infra.settings import NoStackError, Settings


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env
    monkeypatch.setenv("GROUNDSWELL_HOME", str(tmp_path))
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "somewhere")
    monkeypatch.setenv("ARTIFACTS_URL", "file:///tmp")


def entry_point(monkeypatch: pytest.MonkeyPatch, main: object) -> None:
    module = ModuleType("entry_point_of_a_test")
    module.main = main  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "entry_point_of_a_test", module)
    monkeypatch.setitem(run.ENTRY_POINTS, "api", "entry_point_of_a_test:main")


def test_every_process_of_the_stack_has_an_entry_point() -> None:
    once = {"provision"}  # run by containers before the others
    assert {spec.argv[-1] for spec in PROCESSES} | once == set(run.ENTRY_POINTS)


def test_an_unknown_name_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["nobody"]) == 2
    assert "virality-agent" in capsys.readouterr().err


def test_without_a_stack_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROUNDSWELL_HOME", str(tmp_path))
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    assert run.main(["api"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "groundswell up" in line


@pytest.mark.usefixtures("addresses")
def test_the_entry_point_gets_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    entry_point(monkeypatch, seen.append)
    assert run.main(["api"]) == 0
    assert seen[0].dsn == "somewhere"


@pytest.mark.usefixtures("addresses")
@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("bad"), 1), (NoStackError("gone"), 1), (KeyboardInterrupt(), 0)]
)
def test_how_it_ended_is_in_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def main(settings: Settings) -> None:
        raise error

    entry_point(monkeypatch, main)
    assert run.main(["api"]) == code


@pytest.mark.usefixtures("addresses")
def test_a_crash_is_logged_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(settings: Settings) -> None:
        raise ValueError("the reason")

    entry_point(monkeypatch, main)
    run.main(["api"])
    assert "ValueError: the reason" in capsys.readouterr().err
