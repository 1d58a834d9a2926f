"""Listening to generation jobs over a WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import websockets.sync.client as client
from websockets.sync.client import ClientConnection

from schemas.catalogue import GENERATION_EVENTS
from tests.integration.api.conftest import KEY, Api, serving
from tests.integration.api.test_jobs import queued_facts, story
from tests.integration.api.test_listening import closed, heard

Make = Callable[[str], str]

STARTED = {
    "attempt": 1,
    "provider_used": "local",
    "model": "procedural-1",
    "fencing_token": "t",
    "worker": "w",
}


def listen(api: Api, path: str, user: str | None = None) -> ClientConnection:
    headers = {"X-API-Key": KEY} | ({} if user is None else {"X-User-ID": user})
    url = api.url.replace("http", "ws") + f"/api/v1/jobs/ws{path}"
    return client.connect(
        url, additional_headers=headers, open_timeout=60, close_timeout=10, proxy=None
    )


def fold(api: Api, *events: dict[str, Any]) -> None:
    api.fold("jobs", GENERATION_EVENTS, *events)


def queued(api: Api, job: str, user: str) -> None:
    fold(api, story(job, 1, "JobQueued", **queued_facts(user_id=user)))


def progressed(job: str, version: int, percent: float) -> dict[str, Any]:
    return story(job, version, "Progressed", attempt=1, percent=percent, step="rendering")


def failed(job: str, version: int) -> dict[str, Any]:
    return story(job, version, "Failed", error="no provider is left")


def test_a_job_is_told_to_its_end_and_goes_on_on_another_process(api: Api, unique: Make) -> None:
    job, anna = unique("job"), unique("anna")
    queued(api, job, anna)
    with listen(api, f"/{job}", anna) as socket:
        (first,) = heard(socket, 1)
        fold(api, story(job, 2, "AttemptStarted", **STARTED), progressed(job, 3, 40.0))
        rest = heard(socket, 2)
    assert [one["version"] for one in (first, *rest)] == [1, 2, 3]
    assert (rest[-1]["event"], rest[-1]["progress"], rest[-1]["step"]) == (
        "progress",
        40.0,
        "rendering",
    )
    fold(api, progressed(job, 4, 80.0))
    with serving(api.settings, api.models) as url:
        other = Api(api.settings, url, api.client, api.stranger, api.codec, api.models)
        with listen(other, f"/{job}?after=3", anna) as socket:
            (missed,) = heard(socket, 1)
            fold(api, failed(job, 5))
            (end,) = heard(socket)
            assert socket.close_code == 1000
    assert missed["version"] == 4
    assert (end["event"], end["message"], end["job"]["status"]) == (
        "error",
        "no provider is left",
        "failed",
    )
    with listen(api, f"/{job}?after=5", anna) as socket:  # who had heard the end
        assert closed(socket)[0] == 1000


def test_only_the_owner_and_the_key_s_holder_may_listen(api: Api, unique: Make) -> None:
    job, anna = unique("job"), unique("anna")
    queued(api, job, anna)
    with listen(api, f"/{job}", unique("ben")) as socket:
        assert closed(socket)[0] == 4403
    with listen(api, f"?user={anna}", unique("ben")) as socket:
        assert closed(socket)[0] == 4403
    with listen(api, f"/{job}") as socket:
        assert heard(socket, 1)[0]["jobId"] == job
    with listen(api, f"/{unique('nothing')}") as socket:
        assert closed(socket)[0] == 4404
    with listen(api, f"/{job}?after=soon") as socket:
        assert closed(socket)[0] == 4400


@pytest.mark.parametrize("who", ["the user", "the key's holder"])
def test_a_user_s_jobs_are_told_as_they_stand_and_as_they_move(
    api: Api, unique: Make, who: str
) -> None:
    anna, one, other = unique("anna"), unique("job"), unique("job")
    queued(api, one, anna)
    queued(api, unique("job"), unique("ben"))
    how = ("", anna) if who == "the user" else (f"?user={anna}", None)
    with listen(api, *how) as socket:
        (standing,) = heard(socket, 1)
        queued(api, other, anna)
        (new,) = heard(socket, 1)
        fold(api, failed(one, 2))
        (moved,) = heard(socket, 1)
    assert [(told["event"], told["jobId"]) for told in (standing, new, moved)] == [
        ("job", one),
        ("job", other),
        ("job", one),
    ]
    assert (moved["version"], moved["job"]["status"]) == (2, "failed")
    with listen(api, *how) as socket:  # who comes back is told all as it is now
        again = {told["jobId"]: told["version"] for told in heard(socket, 2)}
    assert again == {one: 2, other: 1}
