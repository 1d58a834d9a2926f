"""Listening to an analysis over a WebSocket."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import websockets.sync.client as client
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from api.websockets import serving as listening
from schemas.catalogue import OUTLIER_ANALYSES
from tests.integration.api.conftest import KEY, Api, serving
from tests.integration.api.test_analyses import ANNA, BEN, asked, projected, run_of, told
from tests.integration.infra.waiting import until

Make = Callable[[str], str]
WITH_KEY = {"X-API-Key": KEY}


@pytest.fixture(autouse=True)
def _nobody_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.analyses.SETTLE_SECONDS", 0.0)


def listen(api: Api, analysis: str, query: str = "", **how: Any) -> ClientConnection:
    how.setdefault("additional_headers", WITH_KEY | ANNA)
    url = api.url.replace("http", "ws") + f"/api/v1/outlier/ws/{analysis}{query}"
    return client.connect(url, open_timeout=120, close_timeout=10, proxy=None, **how)


def heard(socket: ClientConnection, most: int = 1000) -> list[dict[str, Any]]:
    """The next events, to the end of the story at most."""
    events = []
    while len(events) < most:
        try:
            events.append(json.loads(socket.recv(timeout=120)))
        except ConnectionClosed:
            break
    return events


def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and the reason with which it was closed, without an event before."""
    with pytest.raises(ConnectionClosed) as raised:
        pytest.fail(f"there was an event: {socket.recv(timeout=120)!r}")
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code, raised.value.rcvd.reason


def carried(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_progress_comes_in_order_as_it_is_made_and_ends_with_the_results(api: Api) -> None:
    analysis = asked(api)
    with listen(api, analysis) as socket:  # its first event is in no table yet
        projected(api, analysis)
        (first,) = heard(socket, 1)
        assert (first["event"], first["version"], first["progress"]) == ("progress", 1, 0)
        for event in run_of(analysis):
            api.fold("analyses", OUTLIER_ANALYSES, event)
            (told_now,) = heard(socket, 1)
            assert told_now["version"] == event["version"]
        assert told_now["event"] == "complete"
        assert heard(socket) == []
        assert socket.close_code == 1000
    with listen(api, analysis) as socket:
        events = heard(socket)
    assert [one["version"] for one in events] == list(range(1, 11))
    assert [one["event"] for one in events] == ["progress"] * 9 + ["complete"]
    shown = [one["progress"] for one in events]
    assert shown == sorted(shown)
    assert [one["step"] for one in events] == [0, 1, 1, 2, 2, 2, 3, 3, 3, 6]
    assert all({"step", "message", "progress"} <= one.keys() for one in events[:-1])
    results = api.client.get(f"/api/v1/outlier/results/{analysis}", headers=ANNA).json()
    assert events[-1] == told_now
    assert (told_now["results"], told_now["summary"]) == (results["results"], results["summary"])


def test_who_comes_back_gets_what_was_missed_also_from_another_process(api: Api) -> None:
    analysis = asked(api)
    projected(api, analysis)
    story = run_of(analysis)
    api.fold("analyses", OUTLIER_ANALYSES, *story[:3])
    with listen(api, analysis) as socket:
        before = heard(socket, 4)
    api.fold("analyses", OUTLIER_ANALYSES, *story[3:7])
    last = before[-1]["version"]
    with serving(api.settings, api.models) as url:
        other = Api(api.settings, url, api.client, api.stranger, api.codec, api.models)
        with listen(other, analysis, f"?after={last}") as socket:
            missed = heard(socket, 4)
            api.fold("analyses", OUTLIER_ANALYSES, *story[7:])
            rest = heard(socket)
    with listen(api, analysis) as socket:
        assert heard(socket) == before + missed + rest  # progress and step among it


def test_a_stop_of_the_server_says_that_it_comes_again(api: Api) -> None:
    analysis = asked(api)
    projected(api, analysis)
    context = ExitStack()
    with serving(api.settings, api.models) as url:
        other = Api(api.settings, url, api.client, api.stranger, api.codec, api.models)
        socket = context.enter_context(listen(other, analysis))
        assert len(heard(socket, 1)) == 1
    with context:
        assert closed(socket)[0] == 1012
    assert api.client.get("/health").status_code == 200


@pytest.mark.parametrize("end", ["Failed", "Cancelled"])
def test_an_end_without_results_is_an_error_and_closes(api: Api, end: str) -> None:
    analysis = asked(api)
    projected(api, analysis)
    facts = {"Failed": {"error": "why"}, "Cancelled": {"reason": "why"}}[end]
    api.fold("analyses", OUTLIER_ANALYSES, told(analysis, 2, end, **facts))
    with listen(api, analysis, "?after=1") as socket:
        (event,) = heard(socket)
    assert (event["event"], event["error"], event["state"]) == ("error", "why", end.lower())
    with listen(api, analysis, "?after=2") as socket:  # who had heard the end
        assert closed(socket)[0] == 1000


def test_a_pause_is_told_with_its_end(api: Api) -> None:
    analysis = asked(api)
    projected(api, analysis)
    paused = told(
        analysis,
        2,
        "Paused",
        reason="the day's units are spent",
        resumes_at=told(analysis, 0, "")["occurred_at"],
        cause="quota",
    )
    api.fold("analyses", OUTLIER_ANALYSES, paused, told(analysis, 3, "Resumed"))
    with listen(api, analysis, "?after=1") as socket:
        pause, resumed = heard(socket, 2)
    assert (pause["event"], pause["message"]) == ("paused", "the day's units are spent")
    assert pause["pausedUntil"] == paused["resumes_at"].isoformat()
    assert resumed["event"] == "progress"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 4401),
        ({"X-API-Key": "wrong"}, 4403),
        ({"Authorization": "Bearer wrong"}, 4403),
        ({"Cookie": "groundswell_session=9999999999.abc"}, 4401),
        (WITH_KEY | BEN, 4403),
        (WITH_KEY | {"X-User-ID": ""}, 4403),
    ],
)
def test_only_its_owner_and_the_keys_holder_may_listen(
    api: Api, headers: dict[str, str], code: int
) -> None:
    analysis = asked(api)
    projected(api, analysis)
    with listen(api, analysis, additional_headers=headers) as socket:
        found, reason = closed(socket)
    assert found == code
    assert reason
    for open_to in (WITH_KEY | ANNA, WITH_KEY, {"Authorization": f"Bearer {KEY}"}):
        with listen(api, analysis, additional_headers=open_to) as socket:
            assert len(heard(socket, 1)) == 1


def test_a_browser_sends_the_key_as_the_name_of_a_subprotocol(api: Api) -> None:
    analysis = asked(api)
    projected(api, analysis)

    def names(key: str, user: str) -> dict[str, Any]:
        offered = (f"groundswell.key.{carried(key)}", f"groundswell.user.{carried(user)}")
        return {
            "additional_headers": {},
            "subprotocols": [Subprotocol(name) for name in ("groundswell", *offered)],
        }

    with listen(api, analysis, **names(KEY, "anna")) as socket:
        assert socket.subprotocol == "groundswell"  # the key does not come back
        assert len(heard(socket, 1)) == 1
    with listen(api, analysis, **names("wrong", "anna")) as socket:
        assert closed(socket)[0] == 4403
    with listen(api, analysis, **names(KEY, "ben")) as socket:
        assert closed(socket)[0] == 4403


def test_a_dashboards_session_listens_from_its_own_page_alone(api: Api) -> None:
    analysis = asked(api)
    projected(api, analysis)
    cookies = api.stranger.get("/", headers={"Accept": "text/html"}).cookies
    session = "; ".join(f"{name}={value}" for name, value in cookies.items())
    assert session.startswith("groundswell_session=")
    own = {"Cookie": session, "Origin": api.url}
    with listen(api, analysis, additional_headers=own) as socket:
        assert len(heard(socket, 1)) == 1
    foreign = {"Cookie": session, "Origin": "http://127.0.0.1:1"}
    with listen(api, analysis, additional_headers=foreign) as socket:
        assert closed(socket)[0] == 4401


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 20, "%00", "٣"])
def test_a_version_that_is_none_is_refused(api: Api, after: str) -> None:
    with listen(api, "any", f"?after={after}") as socket:
        assert closed(socket)[0] == 4400


@pytest.mark.parametrize("analysis", ["nobody", "a%00b", "%F0%9F%A6%86"])
def test_an_unknown_analysis_is_closed_with_4404(api: Api, analysis: str) -> None:
    with listen(api, analysis) as socket:
        code, reason = closed(socket)
    assert (code, bool(reason)) == (4404, True)


def test_who_does_not_read_is_let_go(
    api: Api, unique: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SEND_SECONDS", 0.5)
    monkeypatch.setattr(listening, "CLOSE_SECONDS", 0.1)
    analysis = unique("long")
    request = told(analysis, 1, "AnalysisRequested", user_id="anna", request="{}")
    words = [
        told(analysis, n, "StepStarted", step=1, message="x" * 1_000_000, progress=0.0)
        for n in range(2, 42)
    ]
    api.fold("analyses", OUTLIER_ANALYSES, request, *words)
    with capture_logs() as said, listen(api, analysis, max_queue=1, compression=None) as socket:
        quick = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA)
        assert quick.status_code == 200  # nobody waits for it
        # It reads again only after it was given up.
        until(lambda: {"slow listener let go"} & {line["event"] for line in said}, "the word")
        assert len(heard(socket)) < len(words)
