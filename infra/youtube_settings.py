"""Settings of what talks to YouTube's Data API."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class YouTubeSettings(BaseSettings):
    """The part of [`Settings`][infra.settings.Settings] that the YouTube client reads."""

    youtube_api_key: SecretStr | None = Field(
        None,
        description="Key of YouTube's Data API. Unset: where `groundswell up` or `demo` runs the "
        "processes, the local server that speaks it answers, with simulated channels; in "
        "containers nobody does, and what asks YouTube is refused.",
    )
    youtube_api_endpoint: str | None = Field(
        None,
        description="Where the Data API is. Unset: Google's, or the local server where there is "
        "no key and `groundswell up` runs one.",
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

    @field_validator("youtube_api_endpoint")
    @classmethod
    def _an_address(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            address = urlsplit(text)
            good = address.scheme in ("http", "https") and bool(address.hostname)
            good = good and address.port != 0 and not any(one.isspace() for one in text)
        except ValueError:  # a port that is none, or half an IPv6 address
            good = False
        if not good:
            raise ValueError(
                "it has to be an address such as https://youtube.googleapis.com or "
                f"http://127.0.0.1:8090, not {text[:100]!r}"
            )
        return text
