"""What somebody asks an analysis for, and the rules that it keeps."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from schemas.given import Real, Whole
from streams.outliers.content.shapes import READABLE, Content

COMPETITORS_MOST = 50
SUBSCRIBERS_MOST = 10**12  # more than there are people; the log keeps 64 bits


def _named(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError("is blank")
    if any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in name):
        raise ValueError("has control characters or half a surrogate pair, which no text may have")
    return name


class AnalysisRequest(BaseModel):
    """Parameters of an analysis; snake_case in the log, camelCase where the API shows them.

    Attributes:
        exclusion_channels: competitors, each by its id, handle, address or name.
        min_subs: subscribers that a discovered channel has at least.
        max_subs: and at most; more than `min_subs`.
        time_window: days before the request in which competitors' videos count.
        outlier_threshold: a video is kept whose score is greater.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    exclusion_channels: tuple[
        Annotated[
            str,
            Field(min_length=1, max_length=200, json_schema_extra=READABLE),
            AfterValidator(_named),
        ],
        ...,
    ] = Field((), max_length=COMPETITORS_MOST)
    min_subs: Whole = Field(10_000, ge=1_000, le=SUBSCRIBERS_MOST)
    max_subs: Whole = Field(500_000, ge=10_000, le=SUBSCRIBERS_MOST)
    time_window: Whole = Field(7, ge=1, le=30)
    outlier_threshold: Real = Field(20.0, ge=10, le=100, allow_inf_nan=False)

    @model_validator(mode="after")
    def _in_order(self) -> AnalysisRequest:
        if self.max_subs <= self.min_subs:
            raise ValueError(
                f"maxSubs ({self.max_subs}) has to be greater than minSubs ({self.min_subs})"
            )
        return self

    @property
    def competitors(self) -> tuple[str, ...]:
        """The names of competitors, each once, in order."""
        return tuple(dict.fromkeys(self.exclusion_channels))


class Asked(AnalysisRequest):
    """A request as the log keeps it, with all that the run depends on.

    Attributes:
        content: as it was then; a later change does not reach this run.
        requested_at: the time window ends then (UTC).
    """

    content: Content
    requested_at: dt.datetime

    @property
    def since(self) -> dt.datetime:
        """Since when competitors' videos count."""
        return self.requested_at - dt.timedelta(days=self.time_window)
