"""Settings of generation: what asks for videos, who makes them, and what they may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class GenerationSettings(BaseSettings):
    """The part of [`Settings`][infra.settings.Settings] that only generation reads."""

    teaser_multiple: float | None = Field(
        None,
        gt=1,
        description="Policy: an outlier of at least this multiple asks for a teaser. Unset: off.",
    )
    generation_rules: Path | None = Field(
        None,
        description="Policy: TOML file of rules that turn detections and scores into requests "
        "(docs/generation.md). Unset: none.",
    )
    generation_concurrency: int = Field(1, ge=1, description="Renders at once in one worker.")
    provider_choice: Literal["cost", "preference"] = Field(
        "cost",
        description="Among providers that are equally well, a job that asks for none goes to the "
        "cheapest, or to the preferred one (docs/routing.md).",
    )
    provider_degraded_after: int = Field(
        3, ge=1, description="Failures in a row from which a provider is the last choice."
    )
    provider_open_after: int = Field(
        5,
        ge=1,
        description="Failures in a row from which nothing is sent to a provider for a while.",
    )
    provider_unreachable_after: int = Field(
        3, ge=1, description="The same, of calls that found no connection or no answer."
    )
    provider_cooldown_seconds: float = Field(
        30.0,
        gt=0,
        description="That while, the first time; twice as long each further time, less up to a "
        "half by chance.",
    )
    provider_cooldown_most_seconds: float = Field(900.0, gt=0, description="The longest while.")
    provider_check_seconds: float = Field(
        60.0,
        gt=0,
        le=300,
        description="Between two looks of the workers at providers that nothing was heard of.",
    )
    quota_jobs_per_day: int | None = Field(
        None, ge=0, description="Jobs that a user may have made in a day (UTC). Unset: any number."
    )
    quota_jobs_per_month: int | None = Field(
        None, ge=0, description="The same in a calendar month (UTC)."
    )
    quota_usd_per_day: float | None = Field(
        None, ge=0, description="US dollars that a user's jobs may cost in a day. Unset: any sum."
    )
    quota_usd_per_month: float | None = Field(
        None, ge=0, description="The same in a calendar month (UTC)."
    )
    public_url: str | None = Field(
        None,
        description="Where the API is reached from outside, such as https://videos.example.org: "
        "providers call back there. Unset: they are asked until they are done.",
    )
    openai_video_key: SecretStr | None = Field(
        None,
        description="Key of a server that speaks OpenAI's Videos API (docs/providers.md). Unset: "
        "not used. The name is its own, so that a key meant for something else spends nothing.",
    )
    openai_video_url: str = Field(
        "https://api.openai.com/v1", description="Where that server's API begins."
    )
    openai_video_model: str = Field("sora-2", description="Its model.")
    openai_video_usd_per_second: float = Field(
        0.10, ge=0, description="Price of a second of its video."
    )
    runway_video_key: SecretStr | None = Field(
        None, description="Key of Runway's API. Unset: not used."
    )
    runway_video_url: str = Field(
        "https://api.dev.runwayml.com", description="Where Runway's API begins."
    )
    runway_video_model: str = Field(
        "gen4.5", description="Runway's model: gen4.5, seedance2, seedance2_fast or seedance2_mini."
    )
    runway_video_usd_per_second: float = Field(
        0.12, ge=0, description="Price of a second of Runway's video."
    )
    replicate_video_key: SecretStr | None = Field(
        None, description="Token of Replicate's API. Unset: not used."
    )
    replicate_video_url: str = Field(
        "https://api.replicate.com", description="Where Replicate's API begins."
    )
    replicate_video_model: str = Field(
        "bytedance/seedance-1-lite",
        description="Replicate's model, owner/name or owner/name:version, with Seedance's inputs.",
    )
    replicate_video_usd_per_second: float = Field(
        0.036, ge=0, description="Price of a second of Replicate's video."
    )
    openai_video_webhook_secret: SecretStr | None = Field(
        None,
        description="What OpenAI signs its callbacks with (`whsec_...`). Unset: callbacks are "
        "heard at an address that cannot be guessed.",
    )
    replicate_video_webhook_secret: SecretStr | None = Field(
        None, description="The same of Replicate."
    )
    attempt_soft_seconds: float = Field(
        3600.0, gt=0, description="An attempt that takes longer is stopped and has failed."
    )
    attempt_hard_seconds: float = Field(
        4000.0,
        gt=0,
        description="A worker whose attempt does not stop is killed after so long. At least "
        "ATTEMPT_SOFT_SECONDS.",
    )

    @model_validator(mode="after")
    def _limits_rise(self) -> Self:
        if self.attempt_hard_seconds < self.attempt_soft_seconds:
            raise ValueError("ATTEMPT_HARD_SECONDS is less than ATTEMPT_SOFT_SECONDS")
        return self
