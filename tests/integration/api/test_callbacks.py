"""A provider's callback, from the door to whoever waits for its work."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import Iterator
from time import monotonic

import httpx
import pytest

from infra.settings import Settings
from streams.generation.providers.callbacks import callback_url
from streams.generation.providers.waking import Wakes
from streams.webhooks.signing import headers_of, key_of
from tests.integration.api.conftest import Api, serving
from tests.integration.generation.stories import connect

LONGEST_S = 200.0  # of a wait that nobody ends; the one here ends at once

OURS, THEIRS = ("whsec_" + base64.b64encode(letter * 24).decode() for letter in (b"o", b"t"))


@pytest.fixture(scope="module")
def called(api: Api) -> Iterator[Settings]:
    """Settings of an API that has secrets, reached without a key at its `public_url`."""
    secrets = {
        "webhook_secret": OURS,
        "replicate_video_webhook_secret": THEIRS,
        "personal_data_secret": api.settings.personal_data_secrets[0],
        "api_key": "k",
    }
    kept = api.settings.model_dump(exclude={*secrets})
    settings = Settings(_env_file=None, **kept, **secrets)
    with serving(settings, api.models) as url:
        yield settings.model_copy(update={"public_url": url})


async def listens(dsn: str) -> bool:
    async with await connect(dsn) as conn:
        found = await conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'LISTEN%callbacks'"
        )
        row = await found.fetchone()
        assert row is not None
        return bool(row[0])


def test_a_callback_ends_a_wait_in_another_process(called: Settings) -> None:
    async def scenario() -> float:
        url = callback_url(called, "runway")
        assert url is not None
        wakes = Wakes(called.dsn)
        begun = monotonic()
        waiting = asyncio.create_task(wakes.wait("work-1", LONGEST_S))
        while not await listens(called.dsn):
            assert monotonic() - begun < LONGEST_S
            await asyncio.sleep(0.02)
        async with httpx.AsyncClient() as client:
            for work in ("work-0", "work-1"):
                assert (await client.post(url, json={"id": work})).status_code == 204
        await waiting
        return monotonic() - begun

    assert asyncio.run(scenario()) < LONGEST_S


def test_what_is_not_the_provider_s_is_refused(called: Settings) -> None:
    url = callback_url(called, "replicate")
    assert url is not None
    body = b'{"id": "work"}'
    signed = headers_of([key_of(THEIRS)], "msg_1", dt.datetime.now(dt.UTC), body)
    assert httpx.post(url, content=body, headers=signed).status_code == 204
    assert httpx.post(url, content=body).status_code == 403
    empty = headers_of([key_of(THEIRS)], "msg_1", dt.datetime.now(dt.UTC), b"{}")
    assert httpx.post(url, content=b"{}", headers=empty).status_code == 400
    unknown = url.replace("replicate", "nobody")
    assert httpx.post(unknown, content=body).status_code == 404
    large = b" " * (1024 * 1024 + 1)
    assert httpx.post(url, content=large).status_code == 413
    assert httpx.get(url).status_code == 405
    # Only that address is open.
    assert httpx.post(url.replace("callback", "test"), content=body).status_code == 401
    assert httpx.post(url.replace("callback", "callback/x"), content=body).status_code == 401
