"""The provider that docs/providers.md shows is one."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from infra.settings import Settings
from streams.generation.providers.provider import ProviderError
from streams.generation.providers.remote import Api, Patience, RemoteProvider
from streams.generation.providers.runway import _OFFERS
from tests.unit.generation.remote.orders import an_order
from tests.unit.generation.remote.studio import Handler, State, Step, Studio
from tests.unit.generation.telling import Heard

PAGE = (Path(__file__).parents[4] / "docs" / "providers.md").read_text()
QUICK = Patience(first=0.01, longest=0.02, most=60.0, stop=30.0, troubles=2)


def example() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


class AtelierStudio(Studio):
    model = "oil"

    def routes(self) -> list[tuple[str, str, Step, Handler]]:
        return [
            ("POST", "/films", "submit", self.submit),
            ("GET", "/films/{work}", "look", self.look),
            ("GET", "/files/{work}", "video", self.video),
            ("DELETE", "/films/{work}", "cancel", self.cancel),
            ("GET", "/me", "probe", self.probe),
        ]

    async def probe(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"name": "somebody"})

    def told(self, work: str, state: State) -> dict[str, Any]:
        words = {"waiting": "queued", "working": "painting", "done": "ready", "refused": "spoilt"}
        url = f"{self.url}/files/{work}"
        return {
            "id": work,
            "state": words.get(state),
            "percent": 50,
            "url": url,
            "why": "forbidden",
        }

    def api(self, **changes: Any) -> Api:
        names: dict[str, Any] = {}
        exec(example(), names)
        api: Api = names["Atelier"](self.account(**changes))
        return api


def test_it_is_no_longer_than_the_page_says() -> None:
    assert len(example().splitlines()) <= 60


def test_it_makes_videos(footage: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AtelierStudio(footage.read_bytes()) as studio:
            provider = RemoteProvider(studio.api(), patience=QUICK)
            heard = Heard()
            await provider.probe()
            made = await provider.generate(an_order(width=256, height=256), tmp_path, heard)
            assert made.video.exists()
            assert heard.names == ["work-1"]
            submit = studio.steps("submit")[0]
            assert submit.headers["Idempotency-Key"] == "job-1:1"
            assert json.loads(submit.body)["shape"] == "square"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("story", "says", "retryable"),
    [(["refused"], "atelier: forbidden", False), (["odd"], "a status None", True)],
)
def test_its_errors_are_told(
    tmp_path: Path, story: list[State], says: str, retryable: bool
) -> None:
    async def scenario() -> ProviderError:
        async with AtelierStudio() as studio:
            studio.story = story
            with pytest.raises(ProviderError) as failed:
                await RemoteProvider(studio.api(), patience=QUICK).generate(
                    an_order(), tmp_path, Heard()
                )
            return failed.value

    error = asyncio.run(scenario())
    assert says in str(error)
    assert error.retryable is retryable


@pytest.mark.parametrize("name", ["runway", "replicate", "openai"])
def test_the_page_has_the_defaults_of_the_settings(name: str) -> None:
    fields = Settings.model_fields
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2] == f"`{fields[f'{name}_video_model'].default}`"
    assert float(cells[-1]) == fields[f"{name}_video_usd_per_second"].default


def test_the_page_has_every_model_of_runway() -> None:
    assert all(f"`{model}`" in PAGE for model in _OFFERS)
