"""A rule: which events call for a video, and which video that is. Pure."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from streams.generation.jobs.validation import DEFAULTS
from streams.generation.policy.prompt import Prompt
from streams.generation.policy.sources import Source

_JOBS = uuid.UUID("2b0c6f1e-6a4b-4f43-9a2f-6e2d6c9d0f5a")  # names the policy's jobs
_TALL = {"width": 288, "height": 512}
_WIDE = {"width": 512, "height": 288}


@dataclass(frozen=True)
class Condition:
    """What a field must be. A value that is not known meets no condition.

    Attributes:
        one_of, none_of: of texts; none_of also leaves out what is not known.
        wanted: of a truth.
    """

    field: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    wanted: bool | None = None

    def met(self) -> pl.Expr:
        """Whether it is met, row by row."""
        value = pl.col(self.field)
        tests = [value.is_not_null()]
        if self.at_least is not None or self.at_most is not None:
            tests.append(value.is_finite())  # Polars sorts what is no number above all numbers
        if self.at_least is not None:
            tests.append(value >= self.at_least)
        if self.at_most is not None:
            tests.append(value <= self.at_most)
        if self.one_of is not None:
            tests.append(value.cast(pl.String).is_in(list(self.one_of)))
        if self.none_of is not None:
            tests.append(~value.cast(pl.String).is_in(list(self.none_of)))
        if self.wanted is not None:
            tests.append(value == self.wanted)
        return pl.all_horizontal(tests).fill_null(False)


@dataclass(frozen=True)
class Rule:
    """Asks for one video for each video that calls for it, ever.

    Attributes:
        conditions: all must be met.
        request: fields of `GenerationRequested` besides prompt and identity; sizes may be absent.
        per_hour: requests at most.
        dry_run: nothing is asked for; what would be is logged and counted.
        max_age_hours: older events call for nothing.
        include_uncertain: events with doubts count too.
    """

    name: str
    source: Source
    conditions: tuple[Condition, ...]
    prompt: Prompt
    request: Mapping[str, Any]
    per_hour: int
    dry_run: bool = False
    max_age_hours: float | None = None
    include_uncertain: bool = False

    @property
    def user_id(self) -> str:
        """Whom its jobs belong to."""
        return f"policy:{self.name}"

    @cached_property
    def needs_facts(self) -> bool:
        """Whether the event alone does not say enough."""
        used = {condition.field for condition in self.conditions} | self.prompt.names
        return bool(used & self.source.facts.keys())

    def calls(self, now: pl.Expr) -> pl.Expr:
        """Whether events of the source call for a video, as far as they tell by themselves.

        Args:
            now: the instant at which each is looked at.
        """
        tests = [one.met() for one in self.conditions if one.field in self.source.fields]
        tests += [pl.col(field) == wanted for field, wanted in self.source.only]
        if not self.include_uncertain:
            tests += [~pl.col(doubt) for doubt in self.source.doubts]
        if self.max_age_hours is not None:
            youngest = dt.timedelta(hours=self.max_age_hours)
            tests.append(pl.col(self.source.time) >= now - youngest)
        return pl.all_horizontal([pl.lit(True), *tests])

    def confirmed(self, known: pl.DataFrame) -> pl.DataFrame:
        """Those of them that facts confirm.

        Args:
            known: events with the source's facts.
        """
        facts = [one.met() for one in self.conditions if one.field in self.source.facts]
        return known.filter(*facts) if facts else known

    def request_for(self, row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
        """The request for a video: always the same job for the same video.

        Args:
            row: a confirmed event.
        """
        video_id = row["video_id"]
        job_id = str(uuid.uuid5(_JOBS, f"{self.name}\n{video_id}"))
        return {
            **DEFAULTS,
            **(_TALL if row.get("format") == "short" else _WIDE),
            **self.request,
            "event_id": job_id,
            "occurred_at": now,
            "job_id": job_id,
            "user_id": self.user_id,
            "prompt": self.prompt.fill(row),
            "requested_by": "policy",
            "source_video_id": video_id,
            "metadata": json.dumps({"rule": self.name}),
        }
