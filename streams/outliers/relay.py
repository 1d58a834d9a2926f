"""The relays of this room's decisions: analyses and what they search for."""

from __future__ import annotations

from collections.abc import Callable

from infra.settings import Settings
from schemas.catalogue import OUTLIER_ANALYSES, OUTLIER_CONTENT
from schemas.publisher import Publisher
from schemas.topic import Topic
from streams.decisions.publishing import publish_to
from streams.decisions.relay import Relay
from streams.outliers.analyses.analysis import ANALYSES
from streams.outliers.content.story import CONTENT

_TOPICS = {ANALYSES.domain: OUTLIER_ANALYSES, CONTENT.domain: OUTLIER_CONTENT}


def relays(
    settings: Settings, publisher: Callable[[], Publisher]
) -> dict[str, Callable[[], Relay]]:
    """What makes a relay, for each domain.

    Args:
        publisher: makes one. Each relay has its own: a flush tells of whatever went wrong with
            its publisher, and must not be told of another relay's events.
    """

    def maker(domain: str, topic: Topic) -> Callable[[], Relay]:
        return lambda: Relay(settings.dsn, domain, publish_to(publisher(), topic))

    return {domain: maker(domain, topic) for domain, topic in _TOPICS.items()}
