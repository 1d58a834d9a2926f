"""The commands of docs/producers.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.api.conftest import KEY, Api

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "producers.md").read_text()
SHELL, PYTHON = (
    re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for language in ("sh", "python")
)


def ran(api: Api, command: list[str], text: str) -> str:
    settings = api.settings
    done = subprocess.run(
        [*command, text],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "no_proxy": "*",
            "API": api.url,
            "KEY": KEY,
            "KAFKA_BOOTSTRAP_SERVERS": str(settings.kafka_bootstrap_servers),
            "SCHEMA_REGISTRY_URL": str(settings.schema_registry_url),
            "DATABASE_URL": settings.dsn,
            "PERSONAL_DATA_SECRET": settings.personal_data_secrets[0],
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("number", "says"),
    [(0, r'"accepted":1,.*"path": "kind".*"positions":\[\{"index":0'), (1, r"v1/[0-3]/[0-9]+")],
)
def test_a_command_of_the_shell_does_what_the_page_says(api: Api, number: int, says: str) -> None:
    assert re.search(says, ran(api, ["bash", "-euo", "pipefail", "-c"], SHELL[number]))


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (0, r"'offset': [0-9]+"),
        (1, r"(?s)positions \{0: 'engagement.events.v1/.*rejected \{1: '.*below zero"),
        (2, "acknowledged"),
    ],
)
def test_a_piece_of_python_does_what_the_page_says(api: Api, number: int, says: str) -> None:
    assert re.search(says, ran(api, [sys.executable, "-c"], PYTHON[number]))


def test_every_command_of_the_page_is_run() -> None:
    assert (len(SHELL), len(PYTHON)) == (2, 3)
