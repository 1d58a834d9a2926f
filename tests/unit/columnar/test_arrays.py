"""Copies that keep nothing else in memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.columnar.kept import BULK, TIMES


@pytest.mark.parametrize("kind", ["text", "binary", "struct"])
def test_a_detached_copy_does_not_keep_what_it_was_filtered_from(kind: str) -> None:
    """In a process of its own: memory that others have given back would hide what is kept."""
    command = [sys.executable, "-m", "tests.unit.columnar.kept", kind]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < BULK * TIMES / 3
