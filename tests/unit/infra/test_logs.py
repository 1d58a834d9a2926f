"""Log lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from infra.logs import HIDDEN, configure, redact, redact_text
from infra.settings import Settings


@pytest.fixture
def logged() -> Iterator[Any]:
    """Configure JSON logs into memory; calling the fixture's value gives the parsed lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure(Settings(_env_file=None, log_format="json"), process="test", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "key", ["password", "api_key", "apikey", "kafka_sasl_password", "Authorization", "admin_key"]
)
def test_values_under_telling_keys_are_hidden(key: str) -> None:
    assert redact(None, "info", {key: "s3cret", "topic": "t"}) == {key: HIDDEN, "topic": "t"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:s3cret@h:1/d", "postgresql://u:***@h:1/d"),
        ("redis://:s3cret@h:1/0", "redis://:***@h:1/0"),
        ("two: a://u:x@h and b://v:y@h", "two: a://u:***@h and b://v:***@h"),
        ("host=h password=s3cret user=u", "host=h password=*** user=u"),
        ("password = 'a b' user=u", "password = *** user=u"),
        ("http://127.0.0.1:8081/apis", "http://127.0.0.1:8081/apis"),
        ("channel@home: 12:30", "channel@home: 12:30"),
    ],
)
def test_credentials_inside_text_are_hidden(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def test_secrets_are_hidden_however_deep(logged: Any) -> None:
    structlog.get_logger().info("up", servers=[{"dsn": "p://u:s3cret@h"}], more={"token": "s3cret"})
    assert "s3cret" not in json.dumps(logged())


def test_the_standard_library_goes_the_same_way(logged: Any) -> None:
    logging.getLogger("somebody").warning("retry %s", "redis://:s3cret@h")
    structlog.get_logger().warning("own words", offset=3)
    theirs, ours = logged()
    assert theirs["event"] == "retry redis://:***@h"
    assert ours["offset"] == 3
    assert theirs.keys() - {"offset"} <= ours.keys()
    assert theirs["process"] == ours["process"] == "test"


def test_a_traceback_stays_on_the_line_of_its_event(logged: Any) -> None:
    try:
        raise ValueError("p://u:s3cret@h")
    except ValueError:
        structlog.get_logger().exception("crashed")
    (line,) = logged()
    assert "ValueError" in line["exception"]
    assert "s3cret" not in line["exception"]


def test_lines_below_the_level_are_not_written(logged: Any) -> None:
    structlog.get_logger().debug("detail")
    logging.getLogger("somebody").debug("detail")
    assert logged() == []
