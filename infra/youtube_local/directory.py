"""Who the simulated channels are: names, handles, descriptions, and finding them by words."""

from __future__ import annotations

import datetime as dt
import re
from functools import cached_property

import numpy as np

from infra.youtube_local.draws import Draws
from infra.youtube_local.ids import Ids
from infra.youtube_local.plan import DAY, EPOCH, Plan, moment
from infra.youtube_local.search import Index
from infra.youtube_local.texts import COUNTRIES, FLAVOURS, PEOPLE, SCRIPTS, Flavour, pick
from infra.youtube_local.world import Channel

_NAMES = list(FLAVOURS)
_SCRIPTS = list(SCRIPTS)


class Directory:
    """The channels of a plan, by their numbers. Names are made when the first is asked for."""

    def __init__(self, draws: Draws, plan: Plan, ids: Ids) -> None:
        self._draws = draws
        self._ids = ids
        self.plan = plan

    def flavour(self, index: int) -> Flavour:
        """What kind of channel it is."""
        return FLAVOURS[_NAMES[int(self.plan.flavour[index])]]

    def script(self, index: int) -> str | None:
        """The language of one that does not write in the Latin script."""
        script = int(self.plan.script[index])
        return _SCRIPTS[script] if script >= 0 else None

    def published(self, index: int) -> dt.datetime:
        """When the channel was made: a month before its first upload."""
        return moment(self.plan.start[index] - 30 * DAY)

    def channel(self, index: int, now: dt.datetime) -> Channel:
        """One of them at a moment."""
        plan = self.plan
        days = (now - EPOCH).total_seconds() / 86_400
        return Channel(
            channel_id=self._ids.channel(index),
            title=self.titles[index],
            description=self.descriptions[index],
            handle=f"@{self.handles[index]}",
            country=None if index % 7 == 0 else COUNTRIES[index % len(COUNTRIES)],
            language=self.script(index) or "en",
            published_at=self.published(index),
            subscribers=int(plan.subscribers[index] * max(0.1, 1 + plan.gain[index] * days)),
            hidden=bool(plan.hidden[index]),
            topics=self.flavour(index).topics if index % 11 else (),
        )

    @cached_property
    def titles(self) -> list[str]:
        """Names, each of one channel only."""
        index = np.arange(len(self.plan))
        name, thing, person = (
            self._draws.uniform(f"channel's {part}", index) for part in ("name", "thing", "person")
        )
        titles, taken = [], dict[str, int]()
        for at, flavour in enumerate(self.plan.flavour):
            kind = FLAVOURS[_NAMES[flavour]]
            pattern = pick(kind.names, name[at])
            script = self.plan.script[at]
            if script >= 0:
                shown = pick(SCRIPTS[_SCRIPTS[script]], name[at]).format(number="").strip(" #")
            elif flavour == _NAMES.index("making"):
                shown = pattern.format(pick(kind.things, thing[at]).title())
            else:
                shown = pattern.format(pick(PEOPLE, person[at]))
            taken[shown] = taken.get(shown, 0) + 1
            titles.append(shown if taken[shown] == 1 else f"{shown} {taken[shown]}")
        return titles

    @cached_property
    def descriptions(self) -> list[str]:
        """What they say of themselves."""
        drawn = self._draws.uniform("blurb", np.arange(len(self.plan)))
        return [
            pick(FLAVOURS[_NAMES[flavour]].blurbs, at)
            for flavour, at in zip(self.plan.flavour, drawn, strict=True)
        ]

    @cached_property
    def handles(self) -> list[str]:
        """Without the `@`, in small letters."""
        return [
            (re.sub(r"[^a-z0-9]", "", title.casefold()) or "channel") + f"-{index}"
            for index, title in enumerate(self.titles)
        ]

    @cached_property
    def by_handle(self) -> dict[str, int]:
        """Their numbers by their handles."""
        return {handle: index for index, handle in enumerate(self.handles)}

    @cached_property
    def words(self) -> Index:
        """The words of names and descriptions."""
        texts = zip(self.titles, self.descriptions, strict=True)
        return Index((at, f"{title} {about}") for at, (title, about) in enumerate(texts))
