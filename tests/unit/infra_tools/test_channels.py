"""How channels are named at the command line, and how times are shown."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import typer

from infra.cli.channels import _ago, _named


def test_names_come_from_arguments_and_a_file_each_once(tmp_path: Path) -> None:
    file = tmp_path / "channels.txt"
    file.write_text("\ufeff# ours\n@one # the first\n\nhttps://www.youtube.com/@two\n@zero\n")
    assert _named(["@zero"], file) == ["@zero", "@one", "https://www.youtube.com/@two"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00\x01", b"# nobody\n"])
def test_a_file_that_names_nobody_is_wrong_use(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "channels.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(typer.BadParameter):
        _named(None, file)


def test_times_are_shown_as_far_from_now() -> None:
    now = dt.datetime.now(dt.UTC)
    assert _ago(None) == "-"
    assert _ago(now - dt.timedelta(days=2, hours=1)) == "2 d ago"
    assert _ago(now + dt.timedelta(minutes=5, seconds=2)) == "in 5 min"
