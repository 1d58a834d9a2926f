"""How models do."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field


class Standing(BaseModel):
    """A model's figures on predictions whose actuals have come."""

    model_config = ConfigDict(from_attributes=True)

    mae: float = Field(description="Mean absolute error of log10(1 + views).")
    coverage: float = Field(description="Share of the actuals that its 90 % band held.")
    width: float = Field(description="Median of upper / lower, each plus 1.")


class Paired(BaseModel):
    """The shadow less the model that served, by video, with a bootstrap over videos."""

    model_config = ConfigDict(from_attributes=True)

    videos: int
    difference: float = Field(description="Of the mean errors; below 0 the shadow is better.")
    lower: float = Field(description="Lower end of its 95 % interval.")
    upper: float
    enough: bool = Field(description="Whether there are enough videos to tell.")
    better: bool = Field(description="Whether the shadow is better beyond doubt.")


class Beside(BaseModel):
    """A shadow beside a model that served, on the same predictions."""

    model_config = ConfigDict(from_attributes=True)

    serving: str
    predictions: int = Field(description="Made by both, with an actual.")
    since: dt.datetime
    until: dt.datetime
    of_serving: Standing
    of_shadow: Standing
    comparison: Paired


class DriftReport(BaseModel):
    """Whether the errors of the model that serves have changed (ADWIN), as its actuals come."""

    model_config = ConfigDict(from_attributes=True)

    worse: bool = Field(description="The alarm: the errors have grown.")
    watched: int = Field(description="Predictions with actuals, the newest ones.")
    since: dt.datetime | None = Field(
        description="When the actuals are of from which on nothing changed; null: nothing ever did."
    )
    noticed: dt.datetime | None = Field(description="With an actual of then it was certain.")
    error_before: float | None = Field(
        description="Mean absolute error of log10(1 + views) of all before `since`."
    )
    error_after: float | None = Field(description="From then on; of all, if nothing changed.")
    coverage_before: float | None
    coverage_after: float | None


class Scored(BaseModel):
    """What this process did for the shadow."""

    model_config = ConfigDict(from_attributes=True)

    scored: int
    failed: int = Field(description="Predictions that the shadow or the log failed at.")
    dropped: int = Field(description="Predictions that came when too many waited.")


class ShadowReport(BaseModel):
    """How a shadow does."""

    model_version: str | None = Field(description="The shadow; null: there is none.")
    forecasts: int = Field(description="Predictions that it forecast too, in the tables.")
    records: list[Beside] = Field(description="One for each model that served meanwhile.")
    this_process: Scored
