"""The relay of accounts' stories to `identity.events.v1`."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from infra.settings import Settings
from schemas.catalogue import IDENTITY_EVENTS
from schemas.personal.errors import NoSealerError
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from streams.decisions.publishing import publish_to
from streams.decisions.relay import Relay
from streams.identity.account import IDENTITY


class _NoKeys:
    """Decisions are sealed when they are made: whoever relays them needs no key, and has none."""

    def of(self, persons: Collection[str]) -> NoReturn:
        """Refuse: something personal is in plain.

        Raises:
            NoSealerError
        """
        raise NoSealerError(
            f"{len(persons)} accounts have personal text in plain in the store of decisions; "
            "events of identity are sealed before they are appended"
        )


SEALED = Sealer(_NoKeys())  # of the publisher that `relay` takes


def relay(settings: Settings, publisher: Publisher) -> Relay:
    """The relay of accounts' stories.

    Args:
        publisher: made with `SEALED`.
    """
    return Relay(settings.dsn, IDENTITY.domain, publish_to(publisher, IDENTITY_EVENTS))
