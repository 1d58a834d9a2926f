"""Letters of compacted topics: whether their rows are still the ones that count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from infra.dead_letters.box import Letter
from infra.settings import Settings
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.registry import Registry
from schemas.topic import Topic
from streams.columnar.kafka.log import Slice, chunks, slices

SUPERSEDED = "superseded"

Judged = tuple[Letter, str]  # and why it is not to be redriven: a reason, SUPERSEDED, or nothing

_Key = tuple[int, bytes | None]  # partition and key


class Rows:
    """Rows of one compacted topic.

    A copy would be the last row of its key, which is the one that compaction keeps and that an
    agent restores. So only a row is published again that is the newest of its key, and only if it
    can be decoded.
    """

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self._settings = settings
        self._topic = topic

    def judged(self, letters: Iterable[Letter]) -> Iterator[Judged]:
        """The letters, each with why it is not to be redriven."""
        wanted = list(letters)
        newest = self._newest(wanted)
        with Registry(self._settings.registry_config()) as registry:
            decoder = FrameDecoder(registry, self._topic)
            for letter in wanted:
                place = letter.place
                if (
                    place is not None
                    and newest.get((place.partition, letter.key), -1) > place.offset
                ):
                    yield letter, SUPERSEDED
                else:
                    yield letter, self._fault(decoder, letter)

    def _newest(self, letters: list[Letter]) -> dict[_Key, int]:
        """The offset of the last row of each letter's key, where there is one."""
        places = {(one.place.partition, one.key): one.place.offset for one in letters if one.place}
        if not places:
            return {}
        kafka = self._settings.kafka_config()
        begin = min(places.values())
        wanted = [
            Slice(part.topic, part.partition, max(part.first, begin), part.last)
            for part in slices(kafka, self._topic.name)
        ]
        newest: dict[_Key, int] = {}
        with closing(chunks(kafka, wanted)) as found:
            for chunk in found:
                for key, offset in zip(chunk.keys, chunk.offsets, strict=True):
                    if (chunk.partition, key) in places:
                        newest[chunk.partition, key] = offset
        return newest

    def _fault(self, decoder: FrameDecoder, letter: Letter) -> str:
        received = int(letter.received.timestamp() * 1000)
        record = ([0], [received], [letter.key], [letter.value], [letter.headers])
        rejects = decoder.decode(Chunk(self._topic.name, 0, *record)).rejects
        return f"it is still no row of the topic: {rejects[0].reason}" if rejects else ""
