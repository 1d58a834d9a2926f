"""Dead letters driven again, each once, or dropped.

A run writes down where the topic ends before its first copy, and after each batch which letters
are done. One that was cut off in between leaves copies without a note; the next run finds them
behind the ends that the other has written down, and does not make them again. Two runs at a time
there are not: each holds a lock. docs/decisions/0007-a-copy-is-for-who-refused.md has the whole.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from infra.dead_letters.box import Letter, Letterbox
from infra.dead_letters.desk import Desk
from infra.dead_letters.state_rows import SUPERSEDED, Judged, Rows
from infra.dead_letters.turn import turn
from infra.settings import Settings
from schemas.deadletters import Note, Run
from schemas.redrive import OF_HEADER, copy_of
from schemas.topic import Topic
from streams.columnar.kafka.log import Slice, chunks, slices

BATCH = 500  # letters between two notes of what is done
FIRST_FAILURES = 20  # that are reported with their reasons

Progress = Callable[[int], None]


@dataclass
class Worked:
    """What was done with letters.

    Attributes:
        done: redriven or dropped now.
        found: redriven by an earlier run that was cut off before it could write that down.
        superseded: left as they are, for a compacted topic has a newer row of their key.
        failed: letters that stay: their records cannot be published.
        first_failures: `record: reason` of the first of them.
    """

    done: int = 0
    found: int = 0
    superseded: int = 0
    failed: int = 0
    first_failures: list[str] = field(default_factory=list)

    def fail(self, reasons: dict[str, str]) -> None:
        """These letters stay, for these reasons."""
        self.failed += len(reasons)
        told = [f"{record}: {reason}" for record, reason in reasons.items()]
        self.first_failures += told[: FIRST_FAILURES - len(self.first_failures)]


def redrive(
    settings: Settings,
    topic: Topic,
    *,
    reason: str = "",
    limit: int | None = None,
    progress: Progress = lambda done: None,
) -> Worked:
    """Publish the records of open letters to their topic again, for those who refused them.

    Args:
        reason: only refusals whose reason contains this text.
        limit: at most so many letters, the oldest first.
        progress: told how many are done.

    Raises:
        NotOursError: another run is at the letters of this topic.
        LogReadError: a topic cannot be read.
        PublishError: it is not known what became of some copies; the next run finds out.
    """
    with turn(settings.dsn, topic.dlq) as is_ours:
        kafka = settings.kafka_config()
        box, desk = Letterbox(kafka, topic), Desk(kafka, topic)
        worked = Worked(found=_settle(kafka, topic, box, desk))
        chosen = islice(box.letters(reason=reason), limit)
        letters = Rows(settings, topic).judged(chosen) if topic.compacted else _as_is(chosen)
        run = Run(str(uuid.uuid4()), _ends(kafka, topic))
        begun = False
        for batch in _batches(letters):
            is_ours()
            if not begun:
                desk.run(run)
                begun = True
            _send(batch, desk, worked)
            progress(worked.done)
        if begun:
            desk.run(Run(run.id, {}))
    return worked


def drop(
    settings: Settings,
    topic: Topic,
    *,
    reason: str = "",
    limit: int | None = None,
    progress: Progress = lambda done: None,
) -> Worked:
    """Close open letters without publishing anything; arguments and errors as of `redrive`."""
    with turn(settings.dsn, topic.dlq) as is_ours:
        kafka = settings.kafka_config()
        box, desk = Letterbox(kafka, topic), Desk(kafka, topic)
        worked = Worked(found=_settle(kafka, topic, box, desk))
        for batch in _batches(_as_is(islice(box.letters(reason=reason), limit))):
            is_ours()
            desk.notes(_note(letter, "dropped") for letter, _ in batch)
            worked.done += len(batch)
            progress(worked.done)
    return worked


def _as_is(letters: Iterable[Letter]) -> Iterator[Judged]:
    return ((letter, "") for letter in letters)


def _send(batch: list[Judged], desk: Desk, worked: Worked) -> None:
    """Copies first, then the notes of them."""
    sent = desk.copies([letter for letter, why in batch if not why])
    by_record = {letter.record: letter for letter, _ in batch}
    old = [letter for letter, why in batch if why == SUPERSEDED]
    notes = [_note(letter, SUPERSEDED) for letter in old]
    notes += [_note(by_record[one], "redriven", at) for one, at in sent.positions.items()]
    desk.notes(notes)
    worked.done += len(sent.positions)
    worked.superseded += len(old)
    worked.fail(sent.refused)
    worked.fail({letter.record: why for letter, why in batch if why not in ("", SUPERSEDED)})


def _note(letter: Letter, done: str, copy: str = "") -> Note:
    addresses = frozenset(refusal.address for refusal in letter.refusals)
    return Note(letter.record.encode(), done, addresses, copy)


def _settle(kafka: dict[str, str], topic: Topic, box: Letterbox, desk: Desk) -> int:
    """Write down what runs that were cut off have done; how many letters that closes."""
    if not box.unfinished:
        return 0
    notes = [note for note in _copies(kafka, topic, box.unfinished) if _is_news(box, note)]
    desk.notes(notes)
    for note in notes:
        box.note(note)
    for run in box.unfinished:
        desk.run(Run(run.id, {}))
    return len(notes)


def _is_news(box: Letterbox, note: Note) -> bool:
    open_ones = {refusal.address for refusal in box.refusals((note.record or b"").decode())}
    return not open_ones.isdisjoint(note.addresses)


def _copies(kafka: dict[str, str], topic: Topic, runs: list[Run]) -> Iterator[Note]:
    """A note of every copy that stands behind where one of the runs began."""
    wanted = []
    # A transaction that is open, whosever it is, must not hide what stands behind it.
    for part in slices(kafka, topic.name, committed=False):
        began = min(run.ends.get(part.partition, 0) for run in runs)
        wanted.append(Slice(topic.name, part.partition, max(part.first, began), part.last))
    mark = OF_HEADER.encode()
    with closing(chunks(kafka, wanted, committed=False)) as found:
        for chunk in found:
            for batch in chunk.batches:
                if mark not in batch.records:
                    continue
                records = chunk.of([batch])
                for offset, headers in zip(records.offsets, records.headers, strict=True):
                    if (copy := copy_of(headers)) is not None:
                        at = f"{chunk.topic}/{chunk.partition}/{offset}"
                        yield Note(copy.of.encode(), "redriven", copy.addresses, at)


def _ends(kafka: dict[str, str], topic: Topic) -> dict[int, int]:
    found = slices(kafka, topic.name, committed=False)
    return {part.partition: part.last for part in found}


def _batches(letters: Iterator[Judged]) -> Iterator[list[Judged]]:
    while batch := list(islice(letters, BATCH)):
        yield batch
