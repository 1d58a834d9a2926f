"""Niches over time: which cluster of today is which niche of yesterday, and which have ended."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import statistics
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from streams.outliers.niches.clusters import FEWEST, Cluster, Member

_NAMESPACE = uuid.UUID("e1a6b7b0-0d0c-5c0f-9d55-2f0f8a3b7c31")


@dataclass(frozen=True)
class Niche:
    """A row of `outlier.niches.v1`, but for its event_id; see the schema."""

    niche_id: str
    occurred_at: dt.datetime
    terms: tuple[str, ...]
    channels: tuple[str, ...]
    videos: tuple[str, ...]
    median_multiple: float
    first_seen: dt.datetime
    open: bool

    def event(self) -> dict[str, Any]:
        """The event; its id follows from what it says, so that a repeated one is the same."""
        fields = {
            "occurred_at": self.occurred_at,
            "niche_id": self.niche_id,
            "terms": list(self.terms),
            "channels": list(self.channels),
            "videos": list(self.videos),
            "median_multiple": self.median_multiple,
            "first_seen": self.first_seen,
            "open": self.open,
        }
        said = hashlib.sha256(json.dumps(fields, default=str, sort_keys=True).encode())
        return {"event_id": str(uuid.uuid5(_NAMESPACE, said.hexdigest())), **fields}

    @classmethod
    def of(cls, event: dict[str, Any]) -> Niche:
        """The niche that an event of the topic tells of."""
        fields = {name: event[name] for name in cls.__dataclass_fields__}
        for name in ("terms", "channels", "videos"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


class Niches:
    """Niches by id, open and closed. They are a function of those known at first and of what was
    looked at since, in order.

    Args:
        known: as the log has them.
    """

    def __init__(self, known: Iterable[Niche] = ()) -> None:
        self.known = {niche.niche_id: niche for niche in known}
        self._changed: set[str] = set()

    def changed(self) -> list[Niche]:
        """Niches that looks have made, gone on with or closed since the last call."""
        names, self._changed = self._changed, set()
        return [self.known[name] for name in sorted(names)]

    def look(self, found: Iterable[Cluster]) -> None:
        """Take the clusters of a window in: each goes on as the open niche that it shares most
        videos with, or is a new one; open niches that nothing goes on as are closed."""
        found = list(found)
        open_ones = {name: niche for name, niche in self.known.items() if niche.open}
        taken = _continued(found, open_ones)
        names: set[str] = set(taken.values())
        for at, cluster in enumerate(found):
            name = taken.get(at) or _new_name(cluster, names)
            names.add(name)
            self._keep(_row(name, cluster, self.known.get(name)))
        for name, niche in open_ones.items():
            if name not in names:
                self._keep(replace(niche, open=False))

    def _keep(self, niche: Niche) -> None:
        if self.known.get(niche.niche_id) != niche:
            self.known[niche.niche_id] = niche
            self._changed.add(niche.niche_id)


def _continued(found: list[Cluster], open_ones: dict[str, Niche]) -> dict[int, str]:
    """Which cluster goes on as which niche: most shared videos first, then the older niche."""
    pairs = []
    for at, cluster in enumerate(found):
        videos = {member.video_id for member in cluster.members}
        for name, niche in open_ones.items():
            shared = len(videos & set(niche.videos))
            if shared:
                pairs.append((-shared, niche.first_seen, name, at))
    taken: dict[int, str] = {}
    for _, _, name, at in sorted(pairs):
        if at not in taken and name not in taken.values():
            taken[at] = name
    return taken


def _new_name(cluster: Cluster, taken: set[str]) -> str:
    """From its first three channels' detections. Where a niche that has gone on without them has
    that name, one that follows from it."""
    firsts: dict[str, Member] = {}
    for member in cluster.members:
        firsts.setdefault(member.channel_id, member)
    name = _name([member.event_id for member in firsts.values()][:FEWEST])
    while name in taken:
        name = _name([name])
    return name


def _name(parts: Iterable[str]) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def _row(name: str, cluster: Cluster, known: Niche | None) -> Niche:
    members = cluster.members
    first_seen = members[0].at
    if known is not None:
        first_seen = min(first_seen, known.first_seen)
    newest = sorted(members, key=lambda one: (one.at, one.event_id), reverse=True)
    return Niche(
        niche_id=name,
        occurred_at=newest[0].at,
        terms=cluster.terms,
        channels=tuple(sorted({member.channel_id for member in members})),
        videos=tuple(member.video_id for member in newest),
        median_multiple=statistics.median(member.multiple for member in members),
        first_seen=first_seen,
        open=True,
    )
