"""A look at a provider: a question that costs nothing, and what came of it."""

from __future__ import annotations

import asyncio
import datetime as dt
from time import monotonic

from streams.generation.health.state import Outcome
from streams.generation.providers.provider import Provider, ProviderError


async def probe(provider: Provider, seconds: float) -> Outcome:
    """Ask a provider whether it would work.

    Args:
        seconds: that its answer may take.
    """
    started = monotonic()
    try:
        async with asyncio.timeout(seconds):
            await provider.probe()
    except TimeoutError:
        error = ProviderError(f"no answer within {seconds:g} s", retryable=True, kind="unreachable")
    except ProviderError as said:
        error = said
    except Exception as bug:  # an adapter's mistake must not end whoever looks
        error = ProviderError(f"{type(bug).__name__}: {bug}", retryable=True)
    else:
        return Outcome(True, None, monotonic() - started, 0.0, _now(), probe=True)
    return Outcome.of_error(error, monotonic() - started, _now(), probe=True)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
