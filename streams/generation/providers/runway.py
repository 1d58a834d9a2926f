"""Runway's API of version 2024-11-06, as in its Python library 5.13.0 (July 2026).

    POST   /v1/text_to_video   {model, promptText, ratio, duration, seed} -> {id}
    GET    /v1/tasks/{id}      {status: PENDING | THROTTLED | RUNNING | SUCCEEDED | FAILED |
                                CANCELLED, progress: 0..1, output: [URL], failure, failureCode}
    DELETE /v1/tasks/{id}      calls it off
    GET    /v1/organization    {creditBalance, ...}

It wants to be asked no more than once in five seconds. The addresses of files run out after a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from streams.generation.providers.formats import Format, Offer
from streams.generation.providers.provider import Order, ProviderError
from streams.generation.providers.remote import (
    Account,
    Sighting,
    failed,
    name_of,
    unheard_of,
)
from streams.generation.providers.wire import Wire

VERSION = "2024-11-06"

# docs.dev.runwayml.com/errors/task-failures: not to be tried again.
_FINAL = ("SAFETY.", "ASSET.INVALID", "INPUT_PREPROCESSING.SAFETY.")


def _formats(*ratios: str) -> tuple[Format, ...]:
    sizes = ((ratio, ratio.split(":")) for ratio in ratios)
    return tuple(Format(int(w), int(h), {"ratio": ratio}) for ratio, (w, h) in sizes)


_HD = ("1280:720", "720:1280")
_480 = ("864:496", "752:560", "640:640", "560:752", "496:864")
_720 = ("1112:834", "960:960", "834:1112", *_HD)
_1080 = ("1920:1080", "1664:1248", "1440:1440", "1248:1664", "1080:1920")
_SEEDANCE = tuple(range(4, 16))

_OFFERS: Mapping[str, Offer] = {
    "gen4.5": Offer(_formats(*_HD), tuple(range(2, 11)), prompt_max=1000),
    "seedance2": Offer(_formats(*_480, *_720, *_1080), _SEEDANCE, prompt_max=3500),
    "seedance2_fast": Offer(_formats(*_480, *_720), _SEEDANCE, prompt_max=3500),
    "seedance2_mini": Offer(_formats(*_480, *_720), _SEEDANCE, prompt_max=3500),
}
_SEEDED = ("gen4.5",)  # models that take a seed; the same one gives similar videos, not the same


class Runway:
    """An [`Api`][streams.generation.providers.remote.Api].

    Raises:
        ValueError: the account's model is none that is known here.
    """

    name: ClassVar[str] = "runway"

    def __init__(self, account: Account) -> None:
        self.account = account
        if account.model not in _OFFERS:
            raise ValueError(f"RUNWAY_VIDEO_MODEL is one of {', '.join(_OFFERS)}")
        self.offer = _OFFERS[account.model]

    @property
    def headers(self) -> Mapping[str, str]:
        """The key and the API's version."""
        return {"Authorization": f"Bearer {self.account.key}", "X-Runway-Version": VERSION}

    async def submit(self, wire: Wire, order: Order, made: Format, seconds: int) -> str:
        """Ask for a video. The protocol has no idempotency key."""
        wish = {
            "model": self.account.model,
            "promptText": order.prompt,
            "duration": seconds,
            **made.asks,
        }
        if self.account.model in _SEEDED:
            wish["seed"] = order.seed
        return name_of(await wire.ask("POST", "v1/text_to_video", json=wish))

    async def look(self, wire: Wire, work: str) -> Sighting:
        """How far it is."""
        said = await wire.ask("GET", f"v1/tasks/{work}")
        match said.get("status"):
            case "PENDING" | "THROTTLED":
                return Sighting("waiting")
            case "RUNNING":
                progress = said.get("progress")
                percent = 100.0 * progress if isinstance(progress, int | float) else None
                return Sighting("working", percent)
            case "SUCCEEDED":
                output = said.get("output")
                files = [file for file in output if isinstance(file, str)] if output else []
                return Sighting("done", video=files[0] if files else None)
            case "FAILED":
                code = str(said.get("failureCode") or "")
                why = f"{code} {said.get('failure') or ''}".strip()
                return failed("runway", why, final=code.startswith(_FINAL))
            case "CANCELLED":
                return failed("runway", "somebody cancelled it there", final=False)
            case status:
                raise unheard_of("runway", status)

    async def cancel(self, wire: Wire, work: str) -> None:
        """Call it off."""
        await wire.ask("DELETE", f"v1/tasks/{work}")

    async def probe(self, wire: Wire) -> None:
        """Look at the account: without credits nothing would be made."""
        credit = (await wire.ask("GET", "v1/organization")).get("creditBalance")
        if isinstance(credit, int) and credit <= 0:
            raise ProviderError("runway: the account has no credits left", retryable=False)
