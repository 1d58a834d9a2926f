"""Which providers this installation has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import SecretStr

from infra.settings import Settings
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.openai import OpenAIVideos
from streams.generation.providers.provider import Provider
from streams.generation.providers.remote import Account, Api, RemoteProvider
from streams.generation.providers.replicate import Replicate
from streams.generation.providers.runway import Runway
from streams.generation.providers.waking import Wakes

# The preferred one first. Settings are called `<name>_video_key`, `_url`, `_model`,
# `_usd_per_second`.
_REMOTE: Mapping[str, Callable[[Account], Api]] = {
    Runway.name: Runway,
    Replicate.name: Replicate,
    OpenAIVideos.name: OpenAIVideos,
}


def configured(
    settings: Settings,
    *,
    wakes: Wakes | None = None,
    callback: Callable[[str], str | None] = lambda _: None,
) -> dict[str, Provider]:
    """The providers by name, the preferred one first: those that have a key, then `local`.

    Args:
        wakes: cuts waits for remote work short when a provider calls back.
        callback: the address at which a provider of that name may do so; None: it is not asked to.

    Raises:
        ValueError: a setting names a model that its provider does not have.
    """
    found: dict[str, Provider] = {}
    for name, api in _REMOTE.items():
        key: SecretStr | None = getattr(settings, f"{name}_video_key")
        if key is None or not key.get_secret_value():
            continue
        account = Account(
            url=getattr(settings, f"{name}_video_url"),
            key=key.get_secret_value(),
            model=getattr(settings, f"{name}_video_model"),
            usd_per_second=getattr(settings, f"{name}_video_usd_per_second"),
            callback=callback(name),
        )
        found[name] = RemoteProvider(api(account), wakes=wakes)
    local = LocalProvider()
    return {**found, local.name: local}
