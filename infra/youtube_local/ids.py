"""Ids as the platform's look, from which channel and video can be read back.

So no table of millions of videos is kept: whoever asks for an id is answered from the id.
"""

from __future__ import annotations

import base64
import binascii

from infra.youtube_local.draws import Draws, mix, unmix

_CHANNEL_BITS = 24
_NUMBER_BITS = 24
_CHECK_BITS = 64 - _CHANNEL_BITS - _NUMBER_BITS  # zero in every id that was given


class Ids:
    """The ids of one seed: `UC` and 22 characters, and 11 characters, as the platform's."""

    def __init__(self, draws: Draws) -> None:
        self._channel_keys = (draws.key("channel id"), draws.key("channel id, second half"))
        self._video_key = draws.key("video id")

    def channel(self, index: int) -> str:
        """The id of a channel by its number."""
        halves = b"".join(mix(index ^ key).to_bytes(8, "big") for key in self._channel_keys)
        return "UC" + _text(halves)

    def index(self, channel_id: str) -> int | None:
        """The number of a channel; None for an id that was never given."""
        found = _bytes(channel_id[2:], 16)
        if found is None or not channel_id.startswith("UC"):
            return None
        index = unmix(int.from_bytes(found[:8], "big")) ^ self._channel_keys[0]
        if index >> _CHANNEL_BITS or self.channel(index) != channel_id:
            return None
        return index

    def video(self, channel: int, number: int) -> str:
        """The id of a channel's upload; both count from 0."""
        value = ((channel << _NUMBER_BITS) | number) << _CHECK_BITS
        return _text(mix(value ^ self._video_key).to_bytes(8, "big"))

    def upload(self, video_id: str) -> tuple[int, int] | None:
        """The numbers of the channel and the upload; None for an id that was never given."""
        found = _bytes(video_id, 8)
        if found is None:
            return None
        value = unmix(int.from_bytes(found, "big")) ^ self._video_key
        if value & ((1 << _CHECK_BITS) - 1):
            return None
        value >>= _CHECK_BITS
        return value >> _NUMBER_BITS, value & ((1 << _NUMBER_BITS) - 1)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str, length: int) -> bytes | None:
    try:
        found = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError):
        return None
    return found if len(found) == length and _text(found) == text else None
