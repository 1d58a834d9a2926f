"""What a feature is, as it is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Available = Literal["request", "channel", "observation", "horizon"]

CODE = "code"  # the unit of a feature whose numbers name things and have no order


@dataclass(frozen=True)
class Feature:
    """A column of the feature table.

    Attributes:
        name: name of the column.
        unit: what its numbers count; `CODE` where they only name things.
        source: topic that it comes from, or "request".
        available_at: from when on it is known: "request" as soon as somebody asks, "channel" from
            the channel's earlier videos as of the moment, "observation" once counts of the video
            itself were observed, "horizon" with the age that is asked for.
        about: what it is, for people.
        dtype: Float64, null where unknown.
    """

    name: str
    unit: str
    source: str
    available_at: Available
    about: str
    dtype: type[pl.DataType] = pl.Float64
