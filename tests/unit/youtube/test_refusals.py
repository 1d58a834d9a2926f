"""Error bodies of the Data API, in its old words and its new ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.outliers.youtube.refusals import read

DISABLED = "SERVICE_DISABLED"
STRANGER = "Method doesn't allow unregistered callers (callers without established identity)."


def body(**error: Any) -> bytes:
    return json.dumps({"error": {"message": "m", **error}}).encode()


def reasons(*names: str) -> list[dict[str, str]]:
    return [{"domain": "d", "reason": name} for name in names]


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (403, body(errors=reasons("quotaExceeded")), "quotaExceeded"),
        # A wrong key is a "bad request" first, and says so only in the details.
        (
            400,
            body(errors=reasons("badRequest"), details=reasons("API_KEY_INVALID")),
            "API_KEY_INVALID",
        ),
        (403, body(errors=reasons("forbidden"), details=reasons("SERVICE_DISABLED")), DISABLED),
        (404, body(errors=reasons("playlistNotFound")), "playlistNotFound"),
        (400, body(status="INVALID_ARGUMENT"), "INVALID_ARGUMENT"),
        (403, body(message=STRANGER, errors=reasons("forbidden")), "keyMissing"),
        (502, b"<html></html>", "http502"),
        (400, b'"text"', "http400"),
        (400, b'{"error": "text"}', "http400"),
        (400, b'{"error": {"errors": ["x"], "details": "y"}}', "http400"),
        (400, b"\xff", "http400"),
    ],
)
def test_the_most_telling_word_is_the_reason(status: int, content: bytes, reason: str) -> None:
    assert read(status, content).reason == reason


@pytest.mark.parametrize(
    ("status", "reason", "spent", "may_pass"),
    [
        (403, "quotaExceeded", True, False),
        (403, "dailyLimitExceeded", True, False),
        (403, "rateLimitExceeded", False, True),
        (403, "userRateLimitExceeded", False, True),
        (429, "other", False, True),
        (500, "backendError", False, True),
        (400, "keyInvalid", False, False),
        (403, "forbidden", False, False),
        (404, "playlistNotFound", False, False),
    ],
)
def test_what_may_pass_and_what_is_spent(
    status: int, reason: str, spent: bool, may_pass: bool
) -> None:
    found = read(status, body(errors=reasons(reason)))
    assert (found.quota_is_spent, found.may_pass) == (spent, may_pass)


@pytest.mark.parametrize(
    ("limit", "spent", "only_searches"),
    [
        ("defaultPerDayPerProject", True, False),
        ("SearchListPerDayPerProject", True, True),
        ("defaultPerMinutePerProject", False, False),
        ("SearchListPerMinutePerProject", False, False),
    ],
)
def test_a_rate_of_a_day_is_the_quota_and_one_of_a_minute_is_not(
    limit: str, spent: bool, only_searches: bool
) -> None:
    details = [{"reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": limit}}]
    found = read(429, body(errors=reasons("rateLimitExceeded"), details=details))
    assert (found.quota_is_spent, found.only_searches) == (spent, only_searches)


@pytest.mark.parametrize(
    ("metric", "limit", "spent", "only_searches"),
    [
        ("Queries", "Queries per day", True, False),
        ("Search Queries", "Search Queries per day", True, True),
        ("Queries", "Queries per minute per user", False, False),
    ],
)
def test_the_limit_may_stand_in_the_message_alone(
    metric: str, limit: str, spent: bool, only_searches: bool
) -> None:
    said = f"Quota exceeded for quota metric '{metric}' and limit '{limit}' of service 'x'."
    found = read(429, body(message=said, errors=reasons("rateLimitExceeded")))
    assert (found.quota_is_spent, found.only_searches) == (spent, only_searches)
    assert found.may_pass  # which is asked only where nothing is spent
