"""Which callbacks of providers are heard, and that one ends a wait."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.settings import NoStackError, Settings
from streams.generation.providers.callbacks import (
    ForgedError,
    UnknownProviderError,
    UnreadableError,
    callback_url,
    heard,
)
from streams.generation.providers.waking import Wakes
from streams.webhooks.signing import headers_of, key_of

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
OURS, BEFORE, THEIRS = (
    "whsec_" + base64.b64encode(letter * 24).decode() for letter in (b"o", b"b", b"t")
)


def some_settings(**changes: Any) -> Settings:
    facts = {"webhook_secret": OURS, "public_url": "https://videos.example.org/"}
    return Settings(_env_file=None, **{**facts, **changes})


def token_of(url: str | None) -> str:
    assert url is not None
    return parse_qs(urlsplit(url).query)["token"][0]


@pytest.mark.parametrize(
    ("provider", "setting", "body"),
    [
        ("replicate", "replicate_video_webhook_secret", {"id": "work-1", "status": "succeeded"}),
        ("openai", "openai_video_webhook_secret", {"type": "v", "data": {"id": "work-1"}}),
    ],
)
def test_a_signed_callback_is_heard_and_another_is_not(
    provider: str, setting: str, body: dict[str, Any]
) -> None:
    settings = some_settings(**{setting: THEIRS})
    assert callback_url(settings, provider) == (
        f"https://videos.example.org/api/v1/providers/{provider}/callback"
    )
    text = json.dumps(body).encode()
    signed = headers_of([key_of(THEIRS)], "msg_1", NOW, text)
    assert heard(settings, provider, signed, None, text, NOW) == "work-1"
    for headers, said in ((signed, text + b" "), ({}, text)):
        with pytest.raises(ForgedError):
            heard(settings, provider, headers, None, said, NOW)
    with pytest.raises(ForgedError):
        heard(settings, provider, headers_of([key_of(OURS)], "m", NOW, text), None, text, NOW)
    token = token_of(callback_url(some_settings(), provider))
    with pytest.raises(ForgedError):  # who signs must sign
        heard(settings, provider, {}, token, text, NOW)


def test_who_does_not_sign_has_an_address_of_its_own() -> None:
    settings, body = some_settings(), b'{"id": "work-2"}'
    token = token_of(callback_url(settings, "runway"))
    assert heard(settings, "runway", {}, token, body, NOW) == "work-2"
    rotated = some_settings(webhook_secret=THEIRS, webhook_secret_before=OURS)
    assert heard(rotated, "runway", {}, token, body, NOW) == "work-2"
    other = token_of(callback_url(settings, "replicate"))
    for wrong in (None, "", token[:-1], other, "\xe9"):
        with pytest.raises(ForgedError):
            heard(settings, "runway", {}, wrong, body, NOW)
    assert OURS not in token


def test_without_a_public_address_nobody_is_asked_to_call() -> None:
    assert callback_url(some_settings(public_url=None), "runway") is None


def test_without_a_secret_no_address_can_be_guessed(tmp_path: Path) -> None:
    settings = some_settings(webhook_secret=None, groundswell_home=tmp_path)
    with pytest.raises(NoStackError, match="WEBHOOK_SECRET"):
        callback_url(settings, "runway")
    with pytest.raises(ForgedError):
        heard(settings, "runway", {}, "", b'{"id": "w"}', NOW)


def test_a_stranger_is_not_known() -> None:
    with pytest.raises(UnknownProviderError):
        heard(some_settings(), "local", {}, "", b"{}", NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[", b"[]", b"{}", b'{"id": 5}', b'{"id": ""}', b'{"id": "a\\u0000"}',
        b'{"id": "\\ud800"}', b"\xff", b"[" * 100_000,
        json.dumps({"id": "x" * 201}).encode(),
    ],
)  # fmt: skip
def test_a_callback_about_nothing_is_told_so(body: bytes) -> None:
    settings = some_settings()
    token = token_of(callback_url(settings, "runway"))
    with pytest.raises(UnreadableError):
        heard(settings, "runway", {}, token, body, NOW)


def test_a_wait_ends_when_it_is_called_and_no_other_does() -> None:
    async def scenario() -> None:
        wakes = Wakes()
        waiting = [asyncio.create_task(wakes.wait("a", 30)) for _ in range(2)]
        other = asyncio.create_task(wakes.wait("b", 30))
        await asyncio.sleep(0)
        wakes.wake("a")
        await asyncio.gather(*waiting)
        assert not other.done()
        other.cancel()

    asyncio.run(scenario())


def test_a_call_that_comes_before_the_wait_counts_once() -> None:
    async def scenario() -> None:
        wakes = Wakes()
        for number in range(1_500):  # of which the newest are kept
            wakes.wake(f"w{number}")
        await wakes.wait("w1499", 30)
        begun = monotonic()
        await wakes.wait("w0", 0.05)
        await wakes.wait("w1499", 0.05)
        assert monotonic() - begun > 0.09

    asyncio.run(scenario())
