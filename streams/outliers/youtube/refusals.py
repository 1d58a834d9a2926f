"""What the Data API's error bodies say, and what a person can do about it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

# Reasons and statuses under which a call may simply be made again.
_BUSY = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"})
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})

_LIMIT = re.compile(r"limit '([^']+)'")

_KEY = "set YOUTUBE_API_KEY to a key of a Google Cloud project (APIs & Services, Credentials)"
_ENABLE = (
    "enable 'YouTube Data API v3' for the project of YOUTUBE_API_KEY in the Google Cloud console, "
    "and wait a few minutes"
)
_RESTRICTED = (
    "the key is restricted to other addresses, applications or APIs: change its restrictions in "
    "the Google Cloud console, or use another key"
)
_ADVICE = {
    "keyInvalid": _KEY,
    "keyExpired": _KEY,
    "API_KEY_INVALID": _KEY,
    "API_KEY_EXPIRED": _KEY,
    "keyMissing": _KEY,
    "accessNotConfigured": _ENABLE,
    "SERVICE_DISABLED": _ENABLE,
    "ipRefererBlocked": _RESTRICTED,
    "API_KEY_SERVICE_BLOCKED": _RESTRICTED,
    "API_KEY_IP_ADDRESS_BLOCKED": _RESTRICTED,
    "API_KEY_HTTP_REFERRER_BLOCKED": _RESTRICTED,
    "invalidPageToken": "page tokens do not last: ask for the first page again",
    "accountSuspended": "the project of YOUTUBE_API_KEY is suspended; see the Google Cloud console",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status.

    Attributes:
        reason: the most telling word that the body has; the status where it has none.
        message: of the body, for a person.
    """

    status: int
    reason: str
    message: str
    _limits: tuple[str, ...] = field(default=())

    @property
    def quota_is_spent(self) -> bool:
        """Whether the day's units are gone. New answers say so as a rate limit of a day."""
        return self.status in (403, 429) and (self.reason in _SPENT or bool(self._daily))

    @property
    def only_searches(self) -> bool:
        """Of units that are gone: only those of searches, which newer projects have apart."""
        return any("search" in limit for limit in self._daily)

    @property
    def _daily(self) -> list[str]:
        return [limit for limit in self._limits if "perday" in limit]

    @property
    def may_pass(self) -> bool:
        """Whether the same call may go well a little later."""
        return self.status >= 500 or self.status in (408, 429) or self.reason in _BUSY

    @property
    def advice(self) -> str:
        """What to do; empty where that is not known."""
        return _ADVICE.get(self.reason, "")


def read(status: int, body: bytes) -> Refusal:
    """Understand an error body; one that is no JSON of Google's gives the status alone."""
    try:
        error = json.loads(body)["error"]
        errors, details = _list(error, "errors"), _list(error, "details")
        message = str(error.get("message") or "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return Refusal(status, f"http{status}", "")
    reasons = [str(one["reason"]) for one in [*errors, *details] if one.get("reason")]
    known = [reason for reason in reasons if reason in _ADVICE or reason in _SPENT | _BUSY]
    reason = next(iter([*known, *reasons]), None) or str(error.get("status") or f"http{status}")
    if status == 403 and "unregistered callers" in message:
        reason = "keyMissing"
    limits = [
        str(metadata.get("quota_limit", ""))
        for one in details
        if isinstance(metadata := one.get("metadata"), dict)
    ]
    # Where there are no details, the limit stands in the message alone.
    limits += _LIMIT.findall(message)
    told = tuple(limit.replace(" ", "").lower() for limit in limits)
    return Refusal(status, reason, message, told)


def _list(error: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = error.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
