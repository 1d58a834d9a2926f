from __future__ import annotations

from streams.generation.providers.provider import Order


def an_order(**changes: object) -> Order:
    facts = {
        "key": "job-1:1",
        "prompt": 'a "sea" of %{ünïcödé} & ; \\ tea',
        "width": 320,
        "height": 256,
        "steps": 20,
        "quality": "low",
        "seed": 7,
        "seconds": 2.0,
    }
    return Order(**{**facts, **changes})  # type: ignore[arg-type]
