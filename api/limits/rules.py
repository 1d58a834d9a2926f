"""Which limits hold for whom."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from starlette.types import Scope

from infra.api_settings import ApiSettings, rates_of
from streams.identity.principal import PAGE, Principal
from streams.identity.tiers import Tier

MICROSECONDS = 1_000_000

# Whoever asks these is a probe, a browser that loads the page, or a provider, which signs.
_FREE = re.compile(
    r"/health|/health/ready|/metrics|/static/.*|/favicon\.ico|/api/v1/health"
    r"|/api/v1/providers/[^/]+/callback"
)
_SIGN_IN = (
    (
        "login",
        re.compile(r"/session|/api/v1/auth/(login|token|refresh|verify-email|password/reset)"),
    ),
    ("register", re.compile(r"/api/v1/auth/register")),
    ("forgot", re.compile(r"/api/v1/auth/(password/forgot|verify-email/again)")),  # send mail
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one may make.

    Attributes:
        who: whose requests count together.
        tier: under what name the metrics count them.
        every: microseconds that a request of the pace takes to come back.
        burst: requests at once; 0: there is no pace.
        amount: requests in a window; 0: any number.
        window: its microseconds.
    """

    who: str
    tier: str
    every: int
    burst: int
    amount: int
    window: int


class Rules:
    """The limits of some settings."""

    def __init__(self, settings: ApiSettings) -> None:
        self._per_minute = settings.rate_limit_per_minute
        self._burst = settings.rate_limit_burst
        self._tiers = rates_of(settings.rate_limit_tiers)
        self._sign_in = rates_of(settings.rate_limit_sign_in)

    def of(self, scope: Scope) -> Limits | None:
        """What holds for a request; None: it is not counted."""
        principal: Principal | None = scope.get("state", {}).get("principal")
        path: str = scope["path"]
        if principal is not None:
            return self._of_principal(principal)
        return None if _FREE.fullmatch(path) else self.of_address(scope)

    def of_address(self, scope: Scope) -> Limits | None:
        """What holds for the address that a request came from."""
        client = scope.get("client")
        who = f"address:{network_of(client[0] if client else '')}"
        if scope.get("method") == "POST":
            for name, pattern in _SIGN_IN:
                if name in self._sign_in and pattern.fullmatch(scope["path"]):
                    rate = self._sign_in[name]
                    window = rate.get_expiry() * MICROSECONDS
                    return Limits(f"{who}:{name}", name, 0, 0, rate.amount, window)
        return self._paced(who, "address", 0, 0)

    def _of_principal(self, principal: Principal) -> Limits | None:
        if principal.tier is Tier.UNLIMITED or principal.credential == PAGE:
            return None
        # Each key has its own; a user's sessions share one: another login is no new allowance.
        of_key = principal.credential.startswith("key:") or principal.user_id is None
        who = principal.credential if of_key else f"user:{principal.user_id}"
        rate = self._tiers.get(principal.tier)
        if rate is None:
            return self._paced(who, principal.tier, 0, 0)
        return self._paced(who, principal.tier, rate.amount, rate.get_expiry() * MICROSECONDS)

    def _paced(self, who: str, tier: str, amount: int, window: int) -> Limits | None:
        """The pace of all, or that in which a tier can spend what it has where this is more."""
        if not self._per_minute:
            return Limits(who, tier, 0, 0, amount, window) if amount else None
        every, burst = 60 * MICROSECONDS / self._per_minute, self._burst
        if amount and window / amount < every:
            burst = round(burst * every * amount / window)
            every = window / amount
        return Limits(who, tier, round(every), burst, amount, window)


def network_of(host: str) -> str:
    """The address that counts as one: of IPv6 the /64, since that is what one machine gets."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
