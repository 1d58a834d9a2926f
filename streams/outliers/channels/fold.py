"""Snapshots of channels folded into their views a day, and into alarms when those have moved."""

from __future__ import annotations

import uuid
from typing import Any

import polars as pl

from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_CHANNEL_VIEWS, OUTLIER_SHIFTS
from streams.columnar.fold import ROW, Folded
from streams.outliers.channels.cusum import ChannelViews, Cusum, Shift

_OF_THE_RUNTIME = ("applied_offset", "generation")
_NAMESPACE = uuid.UUID("5b0c9f3e-1f1c-5f0a-8d3b-6f4b1a5f7f22")

Event = dict[str, Any]

SHIFTS = frame_schema(OUTLIER_SHIFTS.schema)


class ChannelShiftFold:
    """[`Fold`][streams.columnar.fold.Fold] of `youtube.channel-snapshots.v1`, by channel_id.

    Per channel it keeps [`ChannelViews`][streams.outliers.channels.cusum.ChannelViews]; it emits
    `outlier.shifts.v1` with measure `channel`. Snapshots with hidden views only count.

    Channels have a snapshot or a few a day, so that one after the other is fast enough.
    """

    state = pl.Schema(
        {
            name: dtype
            for name, dtype in frame_schema(OUTLIER_CHANNEL_VIEWS.schema).items()
            if name not in _OF_THE_RUNTIME
        }
    )
    columns = ("occurred_at", "views")

    def __call__(self, rows: pl.DataFrame, events: pl.DataFrame) -> Folded:
        """Fold snapshots in; emits the alarms that follow, possibly none."""
        channels = [_Channel(row) for row in rows.iter_rows(named=True)]
        wanted = (ROW, "occurred_at", "views", "_partition", "_offset")
        found: list[Event] = []
        for row, at, views, partition, offset in events.select(wanted).iter_rows():
            shift = channels[row].take(at, views)
            if shift is not None:
                found.append(_event(channels[row].channel_id, at, shift, partition, offset))
        new = [channel.row() for channel in channels]
        return Folded(
            rows=pl.DataFrame(new, schema=self.state),
            emitted={OUTLIER_SHIFTS: pl.DataFrame(found, schema=SHIFTS)},
        )

    def render(self, rows: pl.DataFrame) -> pl.DataFrame:
        """State rows are what the output topic has."""
        return rows


class _Channel:
    """A state row while events are folded in.

    Args:
        row: as the state has it; null but for the key where there is none.
    """

    def __init__(self, row: Event) -> None:
        self.channel_id: str = row["channel_id"]
        self._as_of = row["as_of"]
        self._snapshots = row["snapshots"] or 0
        self._views = ChannelViews(
            marked_at=row["marked_at"],
            marked_views=row["marked_views"],
            days=row["days"] or 0,
            first=row["first"] or [],
            location=row["location"],
            scale=row["scale"],
            sums={
                one["direction"]: Cusum(one["value"], one["since"], one["before"], one["values"])
                for one in row["sums"] or []
            },
        )

    def take(self, at: Any, views: int | None) -> Shift | None:
        self._snapshots += 1
        self._as_of = at if self._as_of is None else max(self._as_of, at)
        return None if views is None else self._views.see(at, views)

    def row(self) -> Event:
        views = self._views
        return {
            "channel_id": self.channel_id,
            "as_of": self._as_of,
            "snapshots": self._snapshots,
            "marked_at": views.marked_at,
            "marked_views": views.marked_views,
            "days": views.days,
            "first": views.first,
            "location": views.location,
            "scale": views.scale,
            "sums": [
                {
                    "direction": direction,
                    "value": cusum.value,
                    "since": cusum.since,
                    "before": cusum.before,
                    "values": cusum.values,
                }
                for direction, cusum in sorted(views.sums.items())
            ],
        }


def _event(channel_id: str, at: Any, shift: Shift, partition: int, offset: int) -> Event:
    """BaselineShifted; its id follows from the snapshot: made again, it is the same event."""
    name = f"channel/{partition}/{offset}/{channel_id}/{shift.direction}"
    return {
        "event_id": str(uuid.uuid5(_NAMESPACE, name)),
        "occurred_at": at,
        "channel_id": channel_id,
        "measure": "channel",
        "format": None,
        "direction": shift.direction,
        "factor": 10.0 ** (shift.after - shift.before),
        "before_log10": shift.before,
        "after_log10": shift.after,
        "observations": shift.observations,
        "since": shift.since,
        "statistic": shift.statistic,
        "source_partition": partition,
        "source_offset": offset,
    }
