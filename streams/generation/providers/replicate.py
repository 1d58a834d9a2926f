"""Replicate's HTTP API, as in replicate-python 1.0.7 and its reference (2026).

    POST /v1/models/{owner}/{name}/predictions   {input, webhook, webhook_events_filter}
    POST /v1/predictions                         the same with a version, for other models
    GET  /v1/predictions/{id}                    {status: starting | processing | succeeded |
                                                  failed | canceled | aborted, output: URL or list,
                                                  error, logs, metrics: {predict_time}}
    POST /v1/predictions/{id}/cancel
    GET  /v1/account

Without `Prefer: wait` it answers at once. What it made is deleted after an hour. What a model
takes as input is its own affair; this is Seedance's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import structlog

from streams.generation.providers.formats import Format, Offer
from streams.generation.providers.provider import Order
from streams.generation.providers.remote import (
    Account,
    Sighting,
    failed,
    name_of,
    unheard_of,
)
from streams.generation.providers.wire import Wire

_DEADLINE = "30m"  # after it Replicate ends a prediction, though nobody is left to call it off
_MODEL = re.compile(r"\w[\w.-]*/\w[\w.-]*(:[0-9a-f]{64})?", re.ASCII)
_BAR = re.compile(r"(\d{1,3})%\|")  # a progress bar in the model's log
# E005 and its words: the input or the output was taken for sensitive.
_FINAL = re.compile(r"E005|flagged|sensitive|NSFW|safety", re.IGNORECASE)

_SIZES = {
    "480p": {"16:9": (864, 480), "4:3": (736, 544), "1:1": (640, 640)},
    "720p": {"16:9": (1248, 704), "4:3": (1120, 832), "1:1": (960, 960)},
    "1080p": {"16:9": (1920, 1088), "4:3": (1664, 1248), "1:1": (1440, 1440)},
}
_UPRIGHT = {"16:9": "9:16", "4:3": "3:4"}

log = structlog.get_logger()


def _formats() -> tuple[Format, ...]:
    found = []
    for resolution, shapes in _SIZES.items():
        for shape, (width, height) in shapes.items():
            asks = {"resolution": resolution, "aspect_ratio": shape}
            found.append(Format(width, height, asks))
            if shape in _UPRIGHT:
                found.append(Format(height, width, {**asks, "aspect_ratio": _UPRIGHT[shape]}))
    return tuple(found)


class Replicate:
    """An [`Api`][streams.generation.providers.remote.Api].

    Raises:
        ValueError: the account's model is not of the form owner/name or owner/name:version.
    """

    name: ClassVar[str] = "replicate"
    offer: ClassVar[Offer] = Offer(_formats(), tuple(range(2, 13)))

    def __init__(self, account: Account) -> None:
        self.account = account
        if not _MODEL.fullmatch(account.model):
            raise ValueError("REPLICATE_VIDEO_MODEL is owner/name or owner/name:version")

    @property
    def headers(self) -> Mapping[str, str]:
        """The key."""
        return {"Authorization": f"Bearer {self.account.key}"}

    async def submit(self, wire: Wire, order: Order, made: Format, seconds: int) -> str:
        """Ask for a video. The protocol has no idempotency key, but a deadline."""
        wish: dict[str, Any] = {
            "input": {
                "prompt": order.prompt,
                "duration": seconds,
                "fps": 24,
                "seed": order.seed & 0x7FFFFFFF,  # signed there
                **made.asks,
            }
        }
        if self.account.callback is not None:
            wish["webhook"] = self.account.callback
            wish["webhook_events_filter"] = ["completed"]
        model, _, version = self.account.model.partition(":")
        path = f"v1/models/{model}/predictions"
        if version:
            path, wish["version"] = "v1/predictions", version
        deadline = {"Cancel-After": _DEADLINE}
        return name_of(await wire.ask("POST", path, json=wish, headers=deadline))

    async def look(self, wire: Wire, work: str) -> Sighting:
        """How far it is."""
        said = await wire.ask("GET", f"v1/predictions/{work}")
        match said.get("status"):
            case "starting":
                return Sighting("waiting")
            case "processing":
                bars = _BAR.findall(str(said.get("logs") or "")[-2000:])
                return Sighting("working", min(float(bars[-1]), 100.0) if bars else None)
            case "succeeded":
                metrics = said.get("metrics")
                took = metrics.get("predict_time") if isinstance(metrics, dict) else None
                log.info("made", provider="replicate", work=work, predict_s=took)
                return Sighting("done", video=_first_url(said.get("output")))
            case "failed":
                why = str(said.get("error") or "")
                return failed("replicate", why, final=bool(_FINAL.search(why)))
            case "canceled" | "aborted" as status:
                return failed("replicate", f"it was {status} there", final=False)
            case status:
                raise unheard_of("replicate", status)

    async def cancel(self, wire: Wire, work: str) -> None:
        """Call it off."""
        await wire.ask("POST", f"v1/predictions/{work}/cancel")

    async def probe(self, wire: Wire) -> None:
        """Look at the account."""
        await wire.ask("GET", "v1/account")


def _first_url(output: Any) -> str | None:
    found = output[0] if isinstance(output, list) and output else output
    return found if isinstance(found, str) and found.startswith(("https://", "http://")) else None
