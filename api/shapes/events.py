"""Publishing."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Rejected(BaseModel):
    """An event that does not fit."""

    index: int = Field(description="Which of the request's events, from 0.")
    path: str = Field(description="Where in it, dotted; empty for the event itself.")
    reason: str


class Placed(BaseModel):
    """An event in the log."""

    index: int
    partition: int
    offset: int


class Published(BaseModel):
    """What became of the events of a request."""

    accepted: int = Field(description="Events that the broker has acknowledged.")
    rejected: list[Rejected]
    positions: list[Placed]
