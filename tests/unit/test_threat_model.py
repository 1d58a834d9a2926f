"""The tests that docs/threat-model.md names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_claim_has_its_test() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    claims = [row for row in rows if "shown by" not in row]
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(claims) == len(named) > 15
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
