"""Settings of what talks to YouTube's Data API."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class YouTubeSettings(BaseSettings):
    """The part of [`Settings`][infra.settings.Settings] that the YouTube client reads."""

    youtube_api_key: SecretStr | None = Field(
        None,
        description="Key of YouTube's Data API. Unset: the local server that speaks it answers, "
        "with simulated channels.",
    )
    youtube_api_endpoint: str | None = Field(
        None,
        description="Where the Data API is. Unset: Google's, or the local server where there is "
        "no key.",
    )
    youtube_quota_per_day: int = Field(
        10_000, ge=0, description="Units of the Data API that may be spent from midnight Pacific."
    )
    youtube_searches_per_day: int | None = Field(
        None,
        ge=0,
        description="Searches that may be made in that time, where the key's project has them "
        "counted apart (Google's quota page says so; 100 by default). Unset: each costs 100 of "
        "the units.",
    )
    youtube_poll_share: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Share of those units that the poller of watched channels may spend.",
    )
    youtube_poll_minutes: float = Field(
        15.0, gt=0, description="Shortest pause between two looks at one watched channel."
    )
    analysis_concurrency: int = Field(
        4, ge=1, le=64, description="Outlier analyses that one worker looks after at once."
    )
