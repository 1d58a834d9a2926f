"""Answers that take as long whether something was done or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEAST_SECONDS = 0.25  # well above what a row or two more take


@asynccontextmanager
async def steady() -> AsyncIterator[None]:
    """Do not end before that time is over: how long it took would tell which addresses have
    accounts."""
    began = time.monotonic()
    try:
        yield
    finally:
        await asyncio.sleep(max(0.0, LEAST_SECONDS - (time.monotonic() - began)))
