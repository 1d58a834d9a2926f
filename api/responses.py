"""What some addresses answer besides what all do, for their descriptions."""

from __future__ import annotations

from typing import Any

from api.errors import ErrorEnvelope

_WORDS = {
    400: "The body cannot be read.",
    403: "Not the key.",
    409: "Its request is still on its way; try again in a moment.",
    410: "Its files were kept for their time and are gone.",
    412: "Somebody else changed it meanwhile.",
    416: "The range lies outside of the file.",
    422: "It does not fit; `details` has paths and reasons.",
    429: "The quota is spent; `Retry-After` says for how long, where that is known.",
    502: "YouTube refuses, for a reason that is not the request's.",
    503: "A server is away.",
}


def also(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Further answers with the envelope of errors."""
    return {status: {"model": ErrorEnvelope, "description": _WORDS[status]} for status in statuses}
