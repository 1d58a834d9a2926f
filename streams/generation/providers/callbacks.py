"""Callbacks of remote providers: whether one may be heard, and what it is about.

A provider that signs its callbacks is known by its signature. One that does not, or whose secret
is not set, is given an address that nobody can guess.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from infra.settings import NoStackError, Settings
from streams.generation.providers.waking import ID_MAX
from streams.webhooks.signing import UnsignedError, check, key_of

CALLBACK_MAX = 1024 * 1024  # bytes of a callback: it may hold all of the work's description

_PATH = "/api/v1/providers/{provider}/callback"


class _Protocol(NamedTuple):
    """How a provider calls back.

    Attributes:
        secret: the setting with what it signs with, after Standard Webhooks; None: it never signs.
        id_at: where in its JSON the name of the work is.
    """

    secret: str | None
    id_at: tuple[str, ...]


_PROTOCOLS: Mapping[str, _Protocol] = {
    "openai": _Protocol("openai_video_webhook_secret", ("data", "id")),
    "replicate": _Protocol("replicate_video_webhook_secret", ("id",)),
    "runway": _Protocol(None, ("id",)),
}


class UnknownProviderError(LookupError):
    """No provider of that name calls back."""


class ForgedError(Exception):
    """Nothing shows that the provider sent it."""


class UnreadableError(ValueError):
    """It does not say which work it is about."""


def callback_url(settings: Settings, provider: str) -> str | None:
    """The address to give to a provider; None where the API is not reached from outside.

    Raises:
        NoStackError: there is no secret to make an unguessable address from.
    """
    if settings.public_url is None:
        return None
    address = settings.public_url.rstrip("/") + _PATH.format(provider=provider)
    if _signing_keys(settings, provider):
        return address
    return f"{address}?token={_token(settings.webhook_secrets[0], provider)}"


def heard(
    settings: Settings,
    provider: str,
    headers: Mapping[str, str],
    token: str | None,
    body: bytes,
    now: dt.datetime,
) -> str:
    """The provider's name of the work that a callback is about.

    Args:
        headers: by their names in lower case.
        token: what the address carried.

    Raises:
        UnknownProviderError, ForgedError, UnreadableError: it is not to be heard.
    """
    if provider not in _PROTOCOLS:
        raise UnknownProviderError(provider)
    keys = _signing_keys(settings, provider)
    if keys:
        try:
            check(keys, headers, body, now)
        except UnsignedError as error:
            raise ForgedError(str(error)) from None
    elif not _is_token(settings, provider, token or ""):
        raise ForgedError("its address is not the one that was given to the provider")
    return _about(body, _PROTOCOLS[provider].id_at)


def _signing_keys(settings: Settings, provider: str) -> tuple[bytes, ...]:
    name = _PROTOCOLS[provider].secret
    secret = None if name is None else getattr(settings, name)
    return () if secret is None else (key_of(secret.get_secret_value()),)


def _is_token(settings: Settings, provider: str, token: str) -> bool:
    try:
        secrets = settings.webhook_secrets
    except NoStackError:
        return False  # no address was ever given out
    return any(
        hmac.compare_digest(_token(secret, provider).encode(), token.encode()) for secret in secrets
    )


def _token(secret: str, provider: str) -> str:
    """Made from the installation's secret, so that every process knows it and none stores it."""
    told = f"callbacks of {provider}".encode()
    return hmac.new(key_of(secret), told, hashlib.sha256).hexdigest()


def _about(body: bytes, path: tuple[str, ...]) -> str:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableError("it is no JSON") from None
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    # PostgreSQL has no NUL in a notice, nor half a surrogate pair.
    if not isinstance(found, str) or not found.isprintable() or not 0 < len(found) <= ID_MAX:
        raise UnreadableError(f"it has no {'.'.join(path)}")
    return found
