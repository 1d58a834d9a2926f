"""HTTP answers that are no success, as errors that say whether to come again, and when."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from streams.generation.providers.provider import ProviderError

_WORDS_MAX = 300  # characters of a provider's words that are kept
_KEY_REFUSED = (401, 403)
_COME_AGAIN = (408, 409, 423, 425)  # beside 429 and 5xx
# An account without money is answered 429 by some; waiting does not fill it.
_NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_credit")
_RESETS_IN = re.compile(r"resets in ~?(\d+(?:\.\d+)?)s")  # Replicate has no header for it


class HttpError(ProviderError):
    """A provider answered with a status that is no success."""

    def __init__(self, message: str, status: int, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.status = status


def http_error(
    provider: str, status: int, headers: Mapping[str, str], body: bytes, now: dt.datetime
) -> HttpError:
    """The error of an answer.

    Args:
        headers: with names in lower case, or a mapping that does not mind.
    """
    if status in _KEY_REFUSED:
        # Its words may have parts of the key in them.
        return HttpError(f"{provider} refuses the key ({status})", status, retryable=False)
    told = words(body)
    message = f"{provider} answered {status}" + (f": {told}" if told else "")
    if status == 429:
        if any(code in told or code.encode() in body for code in _NO_MONEY):
            return HttpError(message, status, retryable=False)
        wait = retry_after(headers.get("retry-after"), now)
        if wait is None and (found := _RESETS_IN.search(told)):
            wait = float(found[1])
        return HttpError(message, status, retryable=True, kind="busy", retry_after=wait)
    if status >= 500:
        wait = retry_after(headers.get("retry-after"), now)
        return HttpError(message, status, retryable=True, kind="unreachable", retry_after=wait)
    return HttpError(message, status, retryable=status in _COME_AGAIN)


def retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date (RFC 9110, 10.2.3).

    None where there is none, or nonsense.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (TypeError, ValueError, OverflowError):
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=dt.UTC)
        seconds = (at - now).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def words(body: bytes) -> str:
    """What an error's body says, on one line: the message in it, if it is JSON as usual."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else one_line(text)
    if isinstance(found, dict):
        for name in ("error", "detail", "message", "title"):
            inner = found.get(name)
            if isinstance(inner, dict):
                inner = " ".join(str(inner[n]) for n in ("code", "message") if inner.get(n))
            if inner:
                return one_line(str(inner))
    return one_line(text)


def one_line(text: str) -> str:
    """A foreign text fit for an event or a log: printable, on one line, not long."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    short = " ".join(printable.split())
    return short if len(short) <= _WORDS_MAX else short[: _WORDS_MAX - 3] + "..."
