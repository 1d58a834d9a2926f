"""Videos lie on other hosts than the API: what reaches them, and what does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from streams.generation.providers.provider import ProviderError
from streams.generation.providers.wire import Bounds, Wire
from tests.unit.generation.remote.studio import KEY, RunwayStudio


def a_wire(url: str) -> Wire:
    return Wire(
        "studio",
        url,
        {"Authorization": f"Bearer {KEY}"},
        bounds=Bounds(),
        tls=httpx.create_ssl_context(),
    )


def test_the_key_goes_to_the_api_and_to_nobody_else(tmp_path: Path) -> None:
    async def scenario() -> list[str | None]:
        async with RunwayStudio(b"video") as api, RunwayStudio(b"video") as elsewhere:
            async with a_wire(api.url) as wire:
                await wire.save("files/1.mp4", tmp_path / "1")
                await wire.save(f"{elsewhere.url}/files/2.mp4", tmp_path / "2")

                async def sends_on(_: web.Request) -> web.StreamResponse:
                    raise web.HTTPFound(f"{elsewhere.url}/files/3.mp4")

                api.mishaps["video"] = [sends_on]
                await wire.save("files/3.mp4", tmp_path / "3")
            return [a.headers.get("Authorization") for a in (*api.asked, *elsewhere.asked)]

    theirs = f"Bearer {KEY}"
    assert asyncio.run(scenario()) == [theirs, theirs, None, None]
    assert [(tmp_path / name).read_bytes() for name in "123"] == [b"video"] * 3


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://[::1]:1/"]
)
def test_an_api_under_https_leads_nowhere_else(tmp_path: Path, url: str) -> None:
    async def scenario() -> None:
        async with a_wire("https://studio.example/v1") as wire:
            await wire.save(url, tmp_path / "file")

    with pytest.raises(ProviderError, match="only https is followed"):
        asyncio.run(scenario())
