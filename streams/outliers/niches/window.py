"""The outliers of the last fourteen days of log time that nobody has taken back."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from streams.outliers.niches.clusters import Member

WINDOW = dt.timedelta(days=14)

Event = Mapping[str, Any]


class Detections:
    """Everything that the log says of outliers, whatever order its partitions are read in.

    A repeated event counts once. A detection does not hold where an event `retracts` it; one that
    an event `confirms` goes on in that one.
    """

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        # By event_id; with the time of the event that says so.
        self._gone: dict[str, dt.datetime] = {}
        self._confirmed: dict[str, dt.datetime] = {}

    def take(self, events: Iterable[Event]) -> None:
        """Take events of `outlier.detections.v1` in."""
        for event in events:
            if event["verdict"] == "retracted":
                if event["retracts"] is not None:
                    self._gone[event["retracts"]] = event["occurred_at"]
                continue
            self._events.setdefault(event["event_id"], event)
            if event["confirms"] is not None:
                self._confirmed[event["confirms"]] = event["occurred_at"]

    def newest(self) -> dt.datetime | None:
        """Log time: the newest `occurred_at`; None before there is any."""
        return max((event["occurred_at"] for event in self._events.values()), default=None)

    def days(self) -> list[dt.datetime]:
        """The ends (UTC midnights) of the days with detections, oldest first."""
        starts = {
            event["occurred_at"].replace(hour=0, minute=0, second=0, microsecond=0)
            for event in self._events.values()
        }
        return [start + dt.timedelta(days=1) for start in sorted(starts)]

    def members(self, until: dt.datetime) -> list[Member]:
        """Videos with a detection that holds, first detected in the window that ends then.

        Args:
            until: included.
        """
        told: defaultdict[str, list[Event]] = defaultdict(list)
        for name, event in self._events.items():
            inside = until - WINDOW < event["occurred_at"] <= until
            if inside and name not in self._gone:
                told[event["video_id"]].append(event)
        found = (self._member(events) for events in told.values())
        return [member for member in found if member is not None]

    def forget(self, before: dt.datetime) -> None:
        """Let go of detections that no window will reach any more, and of what was said of them.

        Something said of a detection that was never read is kept as long as the saying one.
        """
        old = [name for name, one in self._events.items() if one["occurred_at"] <= before]
        for name in old:
            del self._events[name]
        for said in (self._gone, self._confirmed):
            over = [name for name, at in said.items() if at <= before and name not in self._events]
            for name in over:
                del said[name]

    def _member(self, events: list[Event]) -> Member | None:
        ordered = sorted(events, key=lambda event: (event["occurred_at"], event["event_id"]))
        holds = [event for event in ordered if event["event_id"] not in self._confirmed]
        if not holds or holds[-1]["title"] is None:
            return None
        first, last = ordered[0], holds[-1]
        return Member(
            video_id=last["video_id"],
            channel_id=last["channel_id"],
            title=last["title"],
            event_id=first["event_id"],
            at=first["occurred_at"],
            multiple=last["multiple"],
        )
