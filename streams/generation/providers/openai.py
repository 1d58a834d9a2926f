"""OpenAI's Videos API, as in openai-python 3.3.1 (August 2026).

OpenAI itself closed it on 24 September 2026. Other servers speak it, which is why where it is and
which model it has are settings.

    POST   /videos                 multipart: model, prompt, seconds, size -> a video
    GET    /videos/{id}            {status: queued | in_progress | completed | failed, progress,
                                    error: {code, message}}
    GET    /videos/{id}/content    the MP4
    DELETE /videos/{id}            the only way to call one off
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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

# Codes of errors that another attempt would meet again.
_FINAL = ("moderation", "content_policy", "sentinel", "invalid")


def _format(width: int, height: int) -> Format:
    return Format(width, height, {"size": f"{width}x{height}"})


_SMALL = (_format(720, 1280), _format(1280, 720))
_LARGE = (_format(1024, 1792), _format(1792, 1024))


class OpenAIVideos:
    """An [`Api`][streams.generation.providers.remote.Api]."""

    name: ClassVar[str] = "openai"

    def __init__(self, account: Account) -> None:
        self.account = account
        formats = _SMALL + _LARGE if account.model.startswith("sora-2-pro") else _SMALL
        self.offer = Offer(formats, (4, 8, 12))

    @property
    def headers(self) -> Mapping[str, str]:
        """The key."""
        return {"Authorization": f"Bearer {self.account.key}"}

    async def submit(self, wire: Wire, order: Order, made: Format, seconds: int) -> str:
        """Ask for a video."""
        form = {
            "model": self.account.model,
            "prompt": order.prompt,
            "seconds": str(seconds),
            **made.asks,
        }
        key = {"Idempotency-Key": order.key}
        return name_of(await wire.ask("POST", "videos", form=form, headers=key))

    async def look(self, wire: Wire, work: str) -> Sighting:
        """How far it is."""
        said = await wire.ask("GET", f"videos/{work}")
        match said.get("status"):
            case "queued" | "in_progress" as status:
                progress = said.get("progress")
                percent = float(progress) if isinstance(progress, int | float) else None
                return Sighting("waiting" if status == "queued" else "working", percent)
            case "completed":
                return Sighting("done", video=f"videos/{work}/content")
            case "failed":
                error = said.get("error")
                found = error if isinstance(error, dict) else {}
                code = str(found.get("code", ""))
                why = f"{code} {found.get('message', '')}".strip()
                return failed("openai", why, final=any(part in code for part in _FINAL))
            case status:
                raise unheard_of("openai", status)

    async def cancel(self, wire: Wire, work: str) -> None:
        """Delete it."""
        await wire.ask("DELETE", f"videos/{work}")

    async def probe(self, wire: Wire) -> None:
        """List one video: it needs the key, and the Videos API itself."""
        await wire.ask("GET", "videos?limit=1")
