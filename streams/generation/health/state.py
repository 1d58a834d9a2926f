"""What came of calling a provider, and what that says of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, Self

from streams.generation.providers.provider import ProviderError

Kind = Literal["failed", "busy", "unreachable", "refused"]
Status = Literal["healthy", "degraded", "unhealthy", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call.

    Attributes:
        kind: None where it went well. `failed`: it made nothing. `unreachable`: no connection, or
            no answer in time. `busy`: no room now, which is no failure. `refused`: it would not
            make what was asked, which is the order's fault: the provider itself is well.
        seconds: how long it took.
        cost_usd: what it cost.
        at: when it ended.
        reason: what went wrong, for a person.
        retry_after: seconds that the provider asked to be left alone, if it did.
        probe: whether it was only a look: its time and cost are no measure of real work.
    """

    ok: bool
    kind: Kind | None
    seconds: float
    cost_usd: float
    at: dt.datetime
    reason: str = ""
    retry_after: float | None = None
    probe: bool = False

    @classmethod
    def of_error(
        cls, error: ProviderError, seconds: float, at: dt.datetime, *, probe: bool = False
    ) -> Self:
        """The outcome of a call that ended with that error.

        An attempt that another one cannot mend was refused for what it asked. A probe asks for
        nothing in particular: whatever its error is, it is the provider's.
        """
        kind: Kind = error.kind
        if kind == "failed" and not error.retryable and not probe:
            kind = "refused"
        return cls(
            False, kind, seconds, 0.0, at, str(error), retry_after=error.retry_after, probe=probe
        )


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider is.

    Attributes:
        status: `unknown` until it was called; `degraded` after some failures in a row;
            `unhealthy` from the opening of its breaker until a call goes well.
        consecutive_failures: since the last call that went well.
        avg_response_ms: of work that it did, moving average in which the newest weighs a fifth.
        cost_per_request: the same, in US dollars.
        reason: of the last failure; empty when there is none.
        last_checked_at: end of the last call.
        open_until: of an open breaker: until then nobody calls; then one does, as a probe.
        busy_until: until then the provider asked to be left alone.
        held: whether nobody is to call it as of `as_of`.
        as_of: when this was so, by the clock of Redis; None where Redis is away.
    """

    status: Status = "unknown"
    consecutive_failures: int = 0
    avg_response_ms: float | None = None
    cost_per_request: float | None = None
    reason: str = ""
    last_checked_at: dt.datetime | None = None
    open_until: dt.datetime | None = None
    busy_until: dt.datetime | None = None
    held: bool = False
    as_of: dt.datetime | None = None


UNKNOWN = ProviderHealth()
