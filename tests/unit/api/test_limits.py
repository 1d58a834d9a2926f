"""Whom which limit holds for, and what the settings of it may say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from api.limits.rules import MICROSECONDS, Limits, Rules, network_of
from infra.settings import Settings
from streams.identity.principal import PAGE, Principal, installation
from streams.identity.roles import Role
from streams.identity.tiers import Tier

HOUR = 3600 * MICROSECONDS


def somebody(credential: str, tier: str) -> Principal:
    return Principal("usr_a", Role.USER, Tier(tier), None, credential)


def of(principal: Principal | None = None, **facts: Any) -> Limits | None:
    settings = {name: facts.pop(name) for name in list(facts) if name in Settings.model_fields}
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/channels",
        "client": ("203.0.113.7", 5),
        "state": {} if principal is None else {"principal": principal},
        **facts,
    }
    return Rules(Settings(_env_file=None, **settings)).of(scope)


@pytest.mark.parametrize(
    ("tier", "amount", "per_minute", "burst"),
    [("free", 100, 100, 200), ("pro", 1000, 100, 200), ("enterprise", 10_000, 166.7, 333)],
)
def test_a_tier_has_its_hour_and_a_pace_in_which_it_can_be_spent(
    tier: str, amount: int, per_minute: float, burst: int
) -> None:
    found = of(somebody("key:k1", tier))
    assert found is not None
    assert (found.amount, found.window, found.burst) == (amount, HOUR, burst)
    assert 60 * MICROSECONDS / found.every == pytest.approx(per_minute, abs=0.1)


def test_keys_count_for_themselves_and_a_users_sessions_together() -> None:
    one, other = of(somebody("key:k1", "free")), of(somebody("key:k2", "free"))
    assert one is not None
    assert other is not None
    assert one.who != other.who
    first, second = of(somebody("session:s1", "free")), of(somebody("session:s2", "free"))
    assert first is not None
    assert second is not None
    assert first.who == second.who != one.who


@pytest.mark.parametrize(
    "principal",
    [installation(), Principal(None, Role.MODERATOR, Tier.FREE, None, PAGE)],
)
def test_the_installation_and_its_page_are_not_counted(principal: Principal) -> None:
    assert of(principal) is None


@pytest.mark.parametrize(
    "path", ["/health", "/health/ready", "/metrics", "/static/dashboard.js", "/api/v1/health"]
)
def test_probes_are_not_counted(path: str) -> None:
    assert of(path=path) is None


@pytest.mark.parametrize(
    ("path", "amount", "window"),
    [
        ("/session", 10, 60),
        ("/api/v1/auth/login", 10, 60),
        ("/api/v1/auth/register", 5, 3600),
        ("/api/v1/auth/token", 10, 60),
        ("/api/v1/auth/password/reset", 10, 60),
        ("/api/v1/auth/password/forgot", 5, 3600),
        ("/api/v1/auth/verify-email/again", 5, 3600),
    ],
)
def test_signing_in_is_stricter_by_address(path: str, amount: int, window: int) -> None:
    found = Rules(Settings(_env_file=None)).of_address(
        {"path": path, "method": "POST", "client": ("203.0.113.7", 5)}
    )
    assert found is not None
    assert (found.amount, found.window, found.burst) == (amount, window * MICROSECONDS, 0)


def test_without_a_pace_only_amounts_are_left() -> None:
    assert of(path="/", rate_limit_per_minute=0) is None
    found = of(somebody("key:k1", "pro"), rate_limit_per_minute=0)
    assert found is not None
    assert (found.amount, found.burst) == (1000, 0)


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_address_of_version_6_counts_with_its_network(host: str, counts_as: str) -> None:
    assert network_of(host) == counts_as


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("rate_limit_tiers", "free=often", "free=often"),
        ("rate_limit_tiers", "unlimited=5/hour", "unlimited"),
        ("rate_limit_tiers", "free=0/hour", "at least 1"),
        ("rate_limit_sign_in", "login 5/hour", "login 5/hour"),
        ("trusted_proxies", "10.0.0.0/99", "10.0.0.0/99"),
        ("trusted_hosts", "a*.example.com", "a\\*.example.com"),
        ("cors_origins", "example.com", "example.com"),
        ("cors_origins", "https://example.com/path", "without a path"),
        ("cors_origins", '["https://a.example"', "JSON list"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_with_its_value(
    name: str, wrong: str, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(_env_file=None, **{name: wrong})


def test_lists_are_written_by_commas_or_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", '["http://localhost:3000", "https://a.example"]')
    monkeypatch.setenv("TRUSTED_HOSTS", "a.example, *.b.example")
    monkeypatch.setenv("TRUSTED_PROXIES", "none")
    settings = Settings(_env_file=None)
    assert settings.cors_origins == ("http://localhost:3000", "https://a.example")
    assert settings.trusted_hosts == ("a.example", "*.b.example")
    assert settings.trusted_proxies == ()
