from __future__ import annotations

import datetime as dt

import pytest

from streams.generation.providers.faults import http_error, one_line, retry_after, words

NOW = dt.datetime(2026, 11, 21, 12, 0, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 12:01:30 -0000", 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("99999999999999999999 Nov 2026", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_limit_without_a_header_is_read_from_the_words() -> None:
    body = b'{"detail":"Request was throttled. Your rate limit resets in ~30s."}'
    assert http_error("replicate", 429, {}, body, NOW).retry_after == 30


def test_an_account_without_money_is_not_waited_for() -> None:
    body = b'{"error": {"code": "insufficient_quota", "message": "You have no money"}}'
    error = http_error("openai", 429, {"retry-after": "1"}, body, NOW)
    assert (error.kind, error.retryable) == ("failed", False)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": "the plain one"}', "the plain one"),
        (b'{"error": {"message": "m", "code": "c"}}', "c m"),
        (b'{"error": null, "detail": "d"}', "d"),
        (b'{"title": "t"}', "t"),
        (b"<!doctype html><p>oh</p>", ""),
        (b"plain\x1b[31m\r\n text", "plain [31m text"),
        (b"\xff\xfe", "�" * 2),
        (b"[" * 100_000, "[" * 297 + "..."),
        (b"", ""),
    ],
)
def test_an_errors_words_are_short_and_on_one_line(body: bytes, told: str) -> None:
    assert words(body) == told


def test_foreign_text_can_do_nothing_to_a_terminal() -> None:
    assert one_line("a\x00b\u202ec\nd\x9b2J") == "a b c d 2J"
