"""Settings of what stands around the API: limits, proxies, browsers of others, time."""

from __future__ import annotations

import ipaddress
import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

Names = Annotated[tuple[str, ...], NoDecode]  # by commas, or a JSON list

UNLIMITED = "unlimited"
NONE = "none"  # an empty variable is one that is not set


class ApiSettings(BaseSettings):
    """The part of [`Settings`][infra.settings.Settings] that the API alone reads."""

    rate_limit_per_minute: int = Field(
        100,
        ge=0,
        description="Requests a minute that a key, a user or, without either, an address may make "
        "for long (docs/limits.md). A tier with more an hour has its own pace. 0: any number.",
    )
    rate_limit_burst: int = Field(
        200, ge=1, description="Requests that one of them may make at once after a pause."
    )
    rate_limit_tiers: str = Field(
        "free=100/hour, pro=1000/hour, enterprise=10000/hour",
        description="What each tier of keys and users may make in all, as `tier=number/period`. "
        "The tier `unlimited` is always there: that of API_KEY.",
    )
    rate_limit_sign_in: str = Field(
        "login=10/minute, register=5/hour, forgot=5/hour",
        description="What one address may try, in the same words: `login` of whatever takes a "
        "password, a token or a code, `register`, and `forgot` of what sends mail to a user. "
        "`none`: as everything else.",
    )
    rate_limit_when_redis_is_away: Literal["open", "closed"] = Field(
        "open",
        description="While requests cannot be counted: answer them all, or those of whom limits "
        "hold with 503.",
    )
    trusted_proxies: Names = Field(
        ("127.0.0.1", "::1"),
        description="Addresses and networks of proxies whose X-Forwarded-For and -Proto are "
        "believed, by commas. `none`: nobody's.",
    )
    trusted_hosts: Names = Field(
        (),
        description="Names by which the API may be asked for (the Host header), by commas; "
        "`*.example.com` is any below. Unset: any; the dashboard's session holds for this "
        "machine's names alone where the API is bound to loopback.",
    )
    cors_origins: Names = Field(
        (),
        description="Origins whose pages may read answers of the API in a browser, by commas or "
        "as a JSON list. Unset: none but its own.",
    )
    behind_tls: bool = Field(
        False,
        description="The API is reached through TLS alone: browsers are told to remember that "
        "(Strict-Transport-Security).",
    )
    request_timeout_seconds: float = Field(
        60.0,
        gt=0,
        description="Until an answer has to begin; then it is 504. A stream that has begun goes "
        "on.",
    )
    drain_notice_seconds: float = Field(
        0.0,
        ge=0,
        description="That the API still answers after SIGTERM while `/health/ready` says 503: "
        "time for a load balancer to look elsewhere.",
    )
    drain_seconds: float = Field(
        8.0,
        gt=0,
        description="That open requests then have to end. Live streams are told to come back.",
    )

    @field_validator("rate_limit_tiers", "rate_limit_sign_in")
    @classmethod
    def _rates(cls, text: str) -> str:
        rates_of(text)
        return text

    @field_validator("trusted_proxies", "trusted_hosts", "cors_origins", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.strip().lower() == NONE:
            return ()
        if value.lstrip().startswith("["):
            try:
                return json.loads(value)
            except ValueError:
                raise ValueError(f"it begins like a JSON list and is none: {value!r}") from None
        return tuple(name.strip() for name in value.split(",") if name.strip())

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                ipaddress.ip_network(name)
            except ValueError as error:
                raise ValueError(f"{name!r} is no address and no network: {error}") from None
        return names

    @field_validator("trusted_hosts")
    @classmethod
    def _hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if "/" in name or "*" in name.removeprefix("*."):
                raise ValueError(f"{name!r} is no name of a host, nor `*.` and one")
        return names

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
                raise ValueError(
                    f"{origin!r} is no origin: write it as https://example.com, without a path"
                )
        return origins


def rates_of(text: str) -> dict[str, RateLimitItem]:
    """`name=number/period, ...` by name.

    Raises:
        ValueError: a part is not of that form.
    """
    found: dict[str, RateLimitItem] = {}
    if text.strip().lower() == NONE:
        return found
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, rate = (word.strip() for word in part.partition("="))
        try:
            found[name] = parse(rate)
        except ValueError:
            raise ValueError(f"{part!r} is not of the form `name=100/hour`") from None
        if not name or name == UNLIMITED or found[name].amount < 1:
            raise ValueError(f"{part!r} needs another name than {UNLIMITED}, and at least 1")
    return found
