"""What a projection cannot use: into the dead-letter topic, acknowledged before it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from schemas.chunks import Chunk
from schemas.deadletters import dead_letter
from schemas.frames import Reject
from schemas.publisher import Publisher

log = structlog.get_logger()


class Rejects:
    """Sends dead letters of one component.

    Args:
        publisher: makes the publisher; called for the first letter only.
    """

    def __init__(self, publisher: Callable[[], Publisher], *, component: str) -> None:
        self._make = publisher
        self._publisher: Publisher | None = None
        self._component = component

    def send(self, chunk: Chunk, rejects: Sequence[Reject]) -> None:
        """Send the rejected records of a chunk and wait for the acknowledgement.

        Raises:
            PublishError: the broker did not acknowledge; nothing may move on.
        """
        if not rejects:
            return
        if self._publisher is None:
            self._publisher = self._make()
        self._publisher.send_dead_letters(
            dead_letter(chunk, reject.row, reason=reject.reason, component=self._component)
            for reject in rejects
        )
        self._publisher.flush()
        log.warning(
            "dead letters",
            component=self._component,
            at=f"{chunk.topic}/{chunk.partition}/{chunk.offsets[rejects[0].row]}",
            count=len(rejects),
            reason=rejects[0].reason,
        )
