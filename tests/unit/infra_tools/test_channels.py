"""How channels are named at the command line, and how times are shown."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import channels
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


@pytest.mark.parametrize(
    ("state", "goes_on_at", "said"),
    [
        ("broker away", None, "broker away: why\n"),
        (
            "out of units",
            dt.datetime(2026, 5, 4, 9, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            "out of units: why; it goes on at 2026-05-04 07:00 UTC\n",
        ),
    ],
)
def test_the_list_says_what_the_poller_waits_for(
    monkeypatch: pytest.MonkeyPatch, state: str, goes_on_at: dt.datetime | None, said: str
) -> None:
    channel = {
        "channel_id": "UC1",
        "title": "One",
        "state": "",
        "last_look": dt.datetime.now(dt.UTC),
        "next_look": None,
        "videos_followed": 3,
        "snapshots": 4,
        "units": 1.25,
    }
    poller = {"state": state, "reason": "why", "goes_on_at": goes_on_at}
    monkeypatch.setattr(channels, "load_settings", lambda: None)
    monkeypatch.setattr(
        "streams.outliers.watching.listing.listing",
        lambda settings: {"channels": [channel], "poller": poller},
    )
    done = CliRunner().invoke(channels.app, ["list"])
    assert done.exit_code == 0, done.exception
    assert "One" in done.stdout
    assert done.stderr == said
