"""Limits around requests: counted behind the door, and at it where it stays shut."""

from __future__ import annotations

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, refuse
from api.limits.counting import Counter, Verdict
from api.limits.rules import Limits, Rules
from api.metrics import Metrics

_REFUSED = frozenset({401, 403})


class RateLimits:
    """Refuses with 429 what goes beyond a limit, and says on every other answer how much is left.

    It stands behind the door, which knows who asks. What the door refuses is counted by
    [`RefusalLimits`][api.limits.middleware.RefusalLimits].

    Args:
        closed: whether nothing that is limited is answered while Redis is away.
    """

    def __init__(self, app: ASGIApp, rules: Rules, metrics: Metrics, *, closed: bool) -> None:
        self.app = app
        self.rules = rules
        self.metrics = metrics
        self.closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        scope.setdefault("state", {})["let_in"] = True
        limits = self.rules.of(scope) if scope["type"] in ("http", "websocket") else None
        if limits is None:
            await self.app(scope, receive, send)
            return
        verdict = await counted(scope, limits, self.metrics)
        if verdict is None and self.closed:
            await refuse(_not_counted(), scope, receive, send)
        elif verdict is not None and not verdict.allowed:
            await refuse(too_many(limits, verdict), scope, receive, send)
        else:
            await self.app(scope, receive, _with(headers_of(verdict), send))


class RefusalLimits:
    """Counts what the door refuses by the address that it came from.

    Who guesses keys, or comes without, is told 429 in the end instead of 401 and 403. It stands
    around the door and looks at answers, so that who has a key is not counted as an address.
    """

    def __init__(self, app: ASGIApp, rules: Rules, metrics: Metrics) -> None:
        self.app = app
        self.rules = rules
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        replaced = False

        async def counting(message: Message) -> None:
            nonlocal replaced
            if replaced:
                return
            refused = message["type"] == "http.response.start" and message["status"] in _REFUSED
            if refused and not scope["state"].get("let_in"):
                limits = self.rules.of_address(scope)
                verdict = None if limits is None else await counted(scope, limits, self.metrics)
                if limits is not None and verdict is not None and not verdict.allowed:
                    replaced = True
                    await refuse(too_many(limits, verdict), scope, receive, send)
                    return
                MutableHeaders(scope=message).update(headers_of(verdict) if limits else {})
            await send(message)

        await self.app(scope, receive, counting)


async def counted(scope: Scope, limits: Limits, metrics: Metrics) -> Verdict | None:
    """Count one request; None: Redis is away."""
    counter: Counter = scope["app"].state.services.counter
    verdict = await counter.take(limits)
    outcome = "uncounted" if verdict is None else "allowed" if verdict.allowed else "refused"
    metrics.limited.labels(limits.tier, outcome).inc()
    return verdict


def too_many(limits: Limits, verdict: Verdict) -> ApiError:
    """429 for a request beyond a limit."""
    return ApiError(
        429,
        "RATE_LIMITED",
        f"too many requests: the limit of {limits.tier!r} is {verdict.limit}; ask again in "
        f"{verdict.retry_s} s",
        details={
            "tier": limits.tier,
            "limit": verdict.limit,
            "retry_after_s": verdict.retry_s,
        },
        headers={**headers_of(verdict), "Retry-After": str(verdict.retry_s)},
    )


def headers_of(verdict: Verdict | None) -> dict[str, str]:
    """What an answer says of its limit. Reset is an instant: seconds since 1970, UTC."""
    if verdict is None:
        return {"X-RateLimit-Status": "uncounted"}
    return {
        "X-RateLimit-Limit": str(verdict.limit),
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": str(int(time.time()) + verdict.reset_s),
    }


def _not_counted() -> ApiError:
    return ApiError(
        503,
        "LIMITS_UNAVAILABLE",
        "requests cannot be counted, and this API answers none uncounted; try again in a moment",
        headers={"Retry-After": "2", **headers_of(None)},
    )


def _with(headers: dict[str, str], send: Send) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with
