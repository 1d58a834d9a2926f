"""What can go wrong with the Data API, told apart by what the caller can do."""

from __future__ import annotations

import datetime as dt

# Reasons of a RefusedError that is about what was asked for, whoever asks with whatever key.
ASKED_WRONG = frozenset({"invalidChannelName", "emptyQuery"})
# Reasons that are about the key, or its project: whatever is asked.
ABOUT_KEY = frozenset(
    {
        "keyInvalid",
        "keyExpired",
        "keyMissing",
        "API_KEY_INVALID",
        "API_KEY_EXPIRED",
        "accessNotConfigured",
        "SERVICE_DISABLED",
        "ipRefererBlocked",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "accountSuspended",
    }
)


class YouTubeError(Exception):
    """The Data API did not answer as asked; the message says what to do."""


class QuotaExhaustedError(YouTubeError):
    """The call was not made, or refused: the day's units are spent.

    Attributes:
        needed: units that the call costs.
        left: units that were left for this purpose.
        resets_at: when there are units again: the next midnight in Los Angeles (UTC).
    """

    def __init__(self, needed: int, left: int, resets_at: dt.datetime) -> None:
        super().__init__(
            f"the call costs {needed} units of the Data API and {left} are left; "
            f"there are more from {resets_at:%Y-%m-%d %H:%M} UTC"
        )
        self.needed = needed
        self.left = left
        self.resets_at = resets_at


class UnavailableError(YouTubeError):
    """No answer, half an answer or 5xx, several times over: it may work later."""


# Reasons of a RefusedError that is about one channel, list or video: others are answered still.
ABOUT_ONE = frozenset(
    {
        "channelClosed",
        "channelForbidden",
        "channelNotFound",
        "channelSuspended",
        "forbidden",
        "notFound",
        "playlistForbidden",
        "playlistItemsNotAccessible",
        "playlistNotFound",
        "playlistOperationUnsupported",
        "videoNotFound",
    }
)


class RefusedError(YouTubeError):
    """The request itself is wrong, or the key is: trying again changes nothing.

    Attributes:
        status: of the answer.
        reason: as the API names it, such as keyInvalid.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def about_one(self) -> bool:
        """Whether it is about the one thing that was asked for, not about the key."""
        return self.status in (403, 404) and self.reason in (*ABOUT_ONE, "http404")
