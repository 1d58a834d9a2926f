"""Page tokens: opaque to the client, and good for the list that gave them only."""

from __future__ import annotations

import base64
import binascii
import zlib

from infra.youtube_local.errors import bad_page_token


def token(of: str, offset: int) -> str:
    """The token of the page that begins at an offset of a list."""
    raw = offset.to_bytes(4, "big") + _check(of, offset)
    return base64.urlsafe_b64encode(b"\x08" + raw).decode().rstrip("=")


def offset(of: str, text: str | None) -> int:
    """Where the page begins.

    Raises:
        ApiError: invalidPageToken.
    """
    if not text:
        return 0
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise bad_page_token() from None
    found = int.from_bytes(raw[1:5], "big")
    if len(raw) != 9 or raw[5:] != _check(of, found):
        raise bad_page_token()
    return found


def _check(of: str, offset: int) -> bytes:
    return zlib.crc32(f"{of}\n{offset}".encode()).to_bytes(4, "big")
