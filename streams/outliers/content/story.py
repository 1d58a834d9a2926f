"""The life of the content: changed as a whole, set back to what is shipped."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from streams.decisions.decider import Refused
from streams.outliers.content.shapes import Content, defaults

CONTENT_ID = "default"  # the only configuration there is


@dataclass(frozen=True, slots=True)
class ContentChanged:
    """The content is another one from now on.

    Attributes:
        content: all of it, as JSON.
    """

    changed_by: str
    content: str


@dataclass(frozen=True, slots=True)
class Change:
    """Make the content another one.

    Attributes:
        expected: the version that it was made from; None: whichever is there.
    """

    at: dt.datetime
    changed_by: str
    content: Content
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """Set the content back to what is shipped."""

    at: dt.datetime
    changed_by: str


ContentCommand: TypeAlias = Change | Reset


@dataclass(frozen=True, slots=True)
class Current:
    """The content as it is.

    Attributes:
        version: 0 before the first change.
        changed_by: of the latest change; None before the first.
    """

    content: Content
    version: int = 0
    changed_by: str | None = None


class ContentDecider:
    """The rules; see [`Decider`][streams.decisions.decider.Decider]."""

    domain: ClassVar[str] = "outlier-content"
    events: ClassVar[tuple[type[ContentChanged], ...]] = (ContentChanged,)

    @property
    def initial(self) -> Current:
        """What is shipped."""
        return Current(defaults())

    def decide(self, state: Current, command: ContentCommand) -> list[ContentChanged]:
        """What follows from the command; nothing where the content is that already.

        Raises:
            Refused: somebody else changed it first (code `changed`).
        """
        match command:
            case Change():
                if command.expected not in (None, state.version):
                    raise Refused(
                        "changed",
                        f"the content is at version {state.version}, changed by "
                        f"{state.changed_by}; yours was made from version {command.expected}",
                    )
                wanted = command.content
            case Reset():
                wanted = defaults()
        if wanted == state.content:
            return []
        return [ContentChanged(command.changed_by, wanted.model_dump_json())]

    def evolve(self, state: Current, event: ContentChanged) -> Current:
        """The state after the event."""
        content = Content.model_validate_json(event.content)
        return Current(content, state.version + 1, event.changed_by)


CONTENT = ContentDecider()
