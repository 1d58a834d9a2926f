"""The API keeps what its OpenAPI description promises, whatever it is sent.

Schemathesis makes the requests and judges the answers; `schemathesis.toml` says by what.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.api.conftest import KEY, Api

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


def held(
    api: Api, known: dict[str, list[str]], folder: Path, *arguments: str, seconds: int
) -> dict[str, Any]:
    """What a run found, of an API at which no answer was the server's own mistake."""
    config = folder / "schemathesis.toml"
    ids = [f"\n[dictionaries.{kind}]\nvalues = {json.dumps(ids)}\n" for kind, ids in known.items()]
    config.write_text(CONFIG.read_text() + "".join(ids))
    report = folder / "report.json"
    command = [str(SCHEMATHESIS), "--config-file", str(config), "run", f"{api.url}/openapi.json"]
    written = ["--report", "json", "--report-json-path", str(report), "--continue-on-failure"]
    done = subprocess.run(
        [*command, *written, *arguments],
        cwd=folder,  # its examples are kept there
        env={**os.environ, "CONTRACT_KEY": KEY, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["complete"]
    assert found["failures"] == found["errors"] == []
    paths = api.client.get("/openapi.json").json()["paths"]
    operations = sum(len(operations) for operations in paths.values())
    assert found["operations"]["tested"] == operations
    assert mistakes(api) == {}
    return found


def mistakes(api: Api) -> dict[str, float]:
    """How often which address has answered that something is wrong in here, or away."""
    return {
        f"{sample.labels['method']} {sample.labels['endpoint']} {sample.labels['status_code']}": n
        for family in text_string_to_metric_families(api.stranger.get("/metrics").text)
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels.get("status_code", "").startswith("5")
        if (n := sample.value)
    }


def test_the_description_is_kept(api: Api, known: dict[str, list[str]], tmp_path: Path) -> None:
    """A little of everything, the same in each run."""
    few = ["--phases", "examples,fuzzing", "--max-examples", "2", "--generation-deterministic"]
    found = held(api, known, tmp_path, *few, "--no-shrink", seconds=280)
    assert found["test_cases"]["generated"] > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_description_is_kept_whatever_comes(
    api: Api, known: dict[str, list[str]], tmp_path: Path
) -> None:
    """All phases, other requests in each run; what the run drew is in its output."""
    found = held(api, known, tmp_path, "--max-examples", "100", "--workers", "2", seconds=3500)
    assert found["test_cases"]["generated"] > 5_000
