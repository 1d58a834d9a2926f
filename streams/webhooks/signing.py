"""Signatures after Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric: `v1`.

What is signed is `id.timestamp.body` with HMAC-SHA256. Several signatures stand in one header,
separated by blanks, so that a secret can be replaced without a gap.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping, Sequence

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

TOLERANCE = dt.timedelta(minutes=5)  # between a message's timestamp and the receiver's clock

_PREFIX = "whsec_"
_VERSION = "v1"
_SHORTEST, _LONGEST = 24, 64  # bytes of a secret, as the standard asks


class SecretError(ValueError):
    """A secret is not written as the standard asks: `whsec_` and base64 of 24 to 64 bytes."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnsignedError(Exception):
    """A message is not signed with any of the secrets, or not just now."""


def key_of(secret: str) -> bytes:
    """The bytes of a secret as it is written; the prefix may be missing.

    Raises:
        SecretError: it is no such secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise SecretError
    return key


def headers_of(
    keys: Sequence[bytes], webhook_id: str, at: dt.datetime, body: bytes
) -> dict[str, str]:
    """The three headers of a message, signed with each of the keys."""
    timestamp = str(int(at.timestamp()))
    signatures = (f"{_VERSION},{_signature(key, webhook_id, timestamp, body)}" for key in keys)
    return {ID: webhook_id, TIMESTAMP: timestamp, SIGNATURE: " ".join(signatures)}


def check(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: dt.datetime) -> None:
    """Hold a message against its signature.

    Args:
        headers: by their names in lower case.

    Raises:
        UnsignedError: its headers are missing, its time is too far off, or no signature fits.
    """
    webhook_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not webhook_id or not timestamp.isascii() or not timestamp.isdigit():
        raise UnsignedError(f"{ID} and {TIMESTAMP} are needed")
    if abs(now.timestamp() - int(timestamp[:15])) > TOLERANCE.total_seconds():
        raise UnsignedError(f"its {TIMESTAMP} is more than {TOLERANCE} off")
    offered = [
        signature.encode()
        for version, _, signature in (
            part.partition(",") for part in headers.get(SIGNATURE, "").split()
        )
        if version == _VERSION
    ]
    for key in keys:
        wanted = _signature(key, webhook_id, timestamp, body).encode()
        if any(hmac.compare_digest(wanted, one) for one in offered):
            return
    raise UnsignedError("no signature fits")


def _signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
