"""Providers, in the camelCase of their documented clients."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import ConfigDict, Field

from api.shapes.jobs import Camel
from schemas.given import Whole

Status = Literal["healthy", "degraded", "unhealthy", "unknown"]


class ProviderStatus(Camel):
    """How a provider is, by the newest word of the workers."""

    provider: str
    model: str | None = Field(description="Null: it is not configured here.")
    status: Status = Field(description="Unknown: not called yet, or not heard of for long.")
    consecutive_failures: int
    avg_response_time_ms: float | None = Field(description="Of its work; null: it did none yet.")
    cost_per_request: float | None = Field(description="In US dollars; null: the same.")
    last_checked_at: dt.datetime | None
    open_until: dt.datetime | None = Field(description="Until then nothing is sent to it.")
    error: str | None = Field(description="Its last failure, until a call goes well.")
    updated_at: dt.datetime | None = Field(description="When the workers told this.")


class ProviderStatuses(Camel):
    """Every provider that is configured or was heard of."""

    providers: list[ProviderStatus]
    total: int


class ProviderTestRequest(Camel):
    """Which provider is to be looked at."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(min_length=1, max_length=100)
    timeout: Whole = Field(30, ge=1, le=300, description="Seconds that its answer may take.")


class ProviderTest(Camel):
    """What came of a look at a provider."""

    provider: str
    model: str
    success: bool
    status: Status = Field(description="How it is, with this look.")
    response_time_ms: float
    error: str | None
    checked_at: dt.datetime
    consecutive_failures: int
    recorded: bool = Field(
        description="Whether the workers know of it; false where Redis or Kafka is away."
    )
