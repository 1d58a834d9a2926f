"""Which providers this installation has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pydantic import SecretStr

from infra.settings import Settings
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.openai import OpenAIVideos
from streams.generation.providers.provider import Provider
from streams.generation.providers.remote import Account, Api, RemoteProvider
from streams.generation.providers.replicate import Replicate
from streams.generation.providers.runway import Runway
from streams.generation.providers.waking import Wakes


class _Known(NamedTuple):
    name: str
    api: Callable[[Account], Api]


# The preferred one first. Settings are called `<name>_video_key`, `_url`, `_model`,
# `_usd_per_second`.
_REMOTE = (
    _Known("runway", Runway),
    _Known("replicate", Replicate),
    _Known("openai", OpenAIVideos),
)


def configured(settings: Settings, wakes: Wakes | None = None) -> dict[str, Provider]:
    """The providers by name, the preferred one first: those that have a key, then `local`.

    Args:
        wakes: cuts waits for remote work short when a provider calls back.

    Raises:
        ValueError: a setting names a model that its provider does not have.
    """
    found: dict[str, Provider] = {}
    for known in _REMOTE:
        key: SecretStr | None = getattr(settings, f"{known.name}_video_key")
        if key is None or not key.get_secret_value():
            continue
        api = known.api(_account(settings, known.name, key))
        found[known.name] = RemoteProvider(api, wakes=wakes)
    local = LocalProvider()
    return {**found, local.name: local}


def _account(settings: Settings, name: str, key: SecretStr) -> Account:
    callback = None
    if settings.public_url is not None:
        callback = f"{settings.public_url.rstrip('/')}/api/v1/providers/{name}/callback"
    return Account(
        url=getattr(settings, f"{name}_video_url"),
        key=key.get_secret_value(),
        model=getattr(settings, f"{name}_video_model"),
        usd_per_second=getattr(settings, f"{name}_video_usd_per_second"),
        callback=callback,
    )
