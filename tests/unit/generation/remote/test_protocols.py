"""What each protocol is asked, to the letter."""

from __future__ import annotations

import asyncio
import json
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest

from streams.generation.providers.provider import Order, ProviderError
from streams.generation.providers.remote import Patience, RemoteProvider
from tests.unit.generation.remote.orders import an_order
from tests.unit.generation.remote.studio import (
    Asked,
    OpenAIStudio,
    ReplicateStudio,
    RunwayStudio,
    Studio,
    answers,
)
from tests.unit.generation.telling import Heard

QUICK = Patience(first=0.01, longest=0.02, most=60.0, stop=30.0)


def asked_by(
    kind: type[Studio], footage: Path, folder: Path, order: Order, **account: Any
) -> list[Asked]:
    async def scenario() -> list[Asked]:
        async with kind(footage.read_bytes()) as studio:
            provider = RemoteProvider(studio.api(**account), patience=QUICK)
            await provider.generate(order, folder, Heard())
            return studio.asked

    return asyncio.run(scenario())


def probed(kind: type[Studio], body: bytes) -> None:
    async def scenario() -> None:
        async with kind() as studio:
            studio.mishaps["probe"] = [answers(200, body)]
            await RemoteProvider(studio.api()).probe()

    asyncio.run(scenario())


def form_of(asked: Asked) -> dict[str, str]:
    head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + asked.body)
    fields = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = content.decode()
    return fields


def test_openai_gets_a_form_with_the_attempts_name(footage: Path, tmp_path: Path) -> None:
    order = an_order(width=256, height=320, seconds=5.0)
    submit, *looks, content = asked_by(OpenAIStudio, footage, tmp_path, order)
    assert (submit.method, submit.path) == ("POST", "/v1/videos")
    assert submit.headers["Idempotency-Key"] == "job-1:1"
    assert form_of(submit) == {
        "model": "sora-2",
        "prompt": order.prompt,
        "seconds": "8",
        "size": "720x1280",
    }
    assert {(look.method, look.path) for look in looks} == {("GET", "/v1/videos/work-1")}
    assert (content.method, content.path) == ("GET", "/v1/videos/work-1/content")


def test_runway_gets_json_with_its_version(footage: Path, tmp_path: Path) -> None:
    order = an_order(seconds=4.5)
    submit, *_, content = asked_by(RunwayStudio, footage, tmp_path, order)
    assert submit.path == "/v1/text_to_video"
    assert {asked.headers["X-Runway-Version"] for asked in (submit, content)} == {"2024-11-06"}
    assert json.loads(submit.body) == {
        "model": "gen4.5",
        "promptText": order.prompt,
        "ratio": "1280:720",
        "duration": 5,
        "seed": 7,
    }
    assert content.path == "/files/work-1.mp4?_jwt=signed"


def test_a_runway_model_without_seeds_gets_none(footage: Path, tmp_path: Path) -> None:
    order = an_order(width=512, height=512)
    submit = asked_by(RunwayStudio, footage, tmp_path, order, model="seedance2_mini")[0]
    wish = json.loads(submit.body)
    assert (wish["ratio"], wish["duration"]) == ("640:640", 4)
    assert "seed" not in wish


def test_replicate_gets_the_models_input_and_a_deadline(footage: Path, tmp_path: Path) -> None:
    order = an_order(width=256, height=448, seed=2**32 - 1)
    submit = asked_by(ReplicateStudio, footage, tmp_path, order)[0]
    assert submit.path == "/v1/models/bytedance/seedance-1-lite/predictions"
    assert submit.headers["Cancel-After"] == "30m"
    assert "Prefer" not in submit.headers  # with it the answer would be held back
    assert json.loads(submit.body) == {
        "input": {
            "prompt": order.prompt,
            "duration": 2,
            "fps": 24,
            "seed": 2**31 - 1,
            "resolution": "480p",
            "aspect_ratio": "9:16",
        }
    }


def test_replicate_calls_back_where_it_is_told(footage: Path, tmp_path: Path) -> None:
    callback = "https://videos.example.org/api/v1/providers/replicate/callback"
    submit = asked_by(ReplicateStudio, footage, tmp_path, an_order(), callback=callback)[0]
    wish = json.loads(submit.body)
    assert wish["webhook"] == callback
    assert wish["webhook_events_filter"] == ["completed"]


def test_replicate_runs_a_version_of_any_model(footage: Path, tmp_path: Path) -> None:
    model = f"somebody/something:{'a1' * 32}"
    submit = asked_by(ReplicateStudio, footage, tmp_path, an_order(), model=model)[0]
    assert submit.path == "/v1/predictions"
    assert json.loads(submit.body)["version"] == "a1" * 32


@pytest.mark.parametrize("output", [None, [], 7, {"video": 1}, "data:video/mp4;base64,AAAA"])
def test_an_output_without_an_address_is_an_error(tmp_path: Path, output: Any) -> None:
    class Odd(ReplicateStudio):
        def told(self, work: str, state: Any) -> dict[str, Any]:
            return {**super().told(work, state), "output": output}

    async def scenario() -> None:
        async with Odd() as studio:
            await RemoteProvider(studio.api(), patience=QUICK).generate(
                an_order(), tmp_path, Heard()
            )

    with pytest.raises(ProviderError, match="has no video"):
        asyncio.run(scenario())


def test_a_list_of_outputs_is_as_good_as_one(footage: Path, tmp_path: Path) -> None:
    class Several(ReplicateStudio):
        def told(self, work: str, state: Any) -> dict[str, Any]:
            told = super().told(work, state)
            return {**told, "output": [told["output"]] if told["output"] else None}

    assert asked_by(Several, footage, tmp_path, an_order())[-1].path == "/files/work-1.mp4"


def test_an_account_without_credits_does_not_pass_the_probe() -> None:
    with pytest.raises(ProviderError, match="no credits"):
        probed(RunwayStudio, b'{"creditBalance": 0}')
    probed(RunwayStudio, b'{"creditBalance": 1}')


@pytest.mark.parametrize("model", ["seedance", "../account", "a/b:c", "a/b?x=y"])
def test_a_model_that_replicate_cannot_have_is_told_at_once(model: str) -> None:
    with pytest.raises(ValueError, match="REPLICATE_VIDEO_MODEL"):
        ReplicateStudio().api(model=model)
