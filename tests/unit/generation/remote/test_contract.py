"""What is true of every remote provider, against servers that speak their protocols."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from streams.generation.providers.provider import (
    HANDED_ON,
    GivenUp,
    Order,
    ProviderError,
    Rendering,
)
from streams.generation.providers.remote import Patience, RemoteProvider
from streams.generation.providers.waking import Wakes
from streams.generation.providers.wire import Bounds
from tests.unit.generation.remote.orders import an_order
from tests.unit.generation.remote.studio import (
    KEY,
    STUDIOS,
    Handler,
    ReplicateStudio,
    State,
    Step,
    Studio,
    answers,
    breaks_off,
    half_of,
    hangs,
)
from tests.unit.generation.telling import Heard

QUICK = Patience(first=0.01, longest=0.02, most=60.0, stop=30.0, troubles=3)
SHORT = Bounds(answer=1.5, download=1.5, silence=1.5)  # for those that hang


def bounds_for(mishap: Handler) -> Bounds:
    return SHORT if mishap is hangs else Bounds()


Scenario = Callable[[Studio, RemoteProvider], Coroutine[Any, Any, Any]]


def player(kind: type[Studio], footage: Path) -> Callable[..., Any]:
    """Runs a scenario with a studio and our provider for it."""

    def run(scenario: Scenario, *, patience: Patience = QUICK, bounds: Bounds | None = None) -> Any:
        async def whole() -> Any:
            async with kind(footage.read_bytes()) as studio:
                provider = RemoteProvider(studio.api(), patience=patience, bounds=bounds)
                return await scenario(studio, provider)

        return asyncio.run(whole())

    return run


@pytest.fixture(params=STUDIOS, ids=lambda kind: kind.__name__)
def play(request: pytest.FixtureRequest, footage: Path) -> Callable[..., Any]:
    """With each protocol."""
    return player(request.param, footage)


@pytest.fixture
def play_any(footage: Path) -> Callable[..., Any]:
    """With any one, for what no protocol has a part in."""
    return player(ReplicateStudio, footage)


def failing(
    play: Callable[..., Any],
    folder: Path,
    mishaps: dict[Step, list[Handler]],
    *,
    story: list[State] | None = None,
    order: Order | None = None,
    **options: Any,
) -> tuple[ProviderError, Studio]:
    """The error of an order that meets these mishaps, and the studio afterwards."""

    async def scenario(studio: Studio, provider: RemoteProvider) -> tuple[ProviderError, Studio]:
        studio.mishaps.update(mishaps)
        studio.story = story or studio.story
        with pytest.raises(ProviderError) as failed:
            await provider.generate(order or an_order(), folder, Heard())
        return failed.value, studio

    error, studio = play(scenario, **options)
    assert KEY not in repr(error)
    assert error.__cause__ is None
    return error, studio


def making(
    play: Callable[..., Any], folder: Path, mishaps: dict[Step, list[Handler]]
) -> tuple[Rendering, Studio, Heard]:
    heard = Heard()

    async def scenario(studio: Studio, provider: RemoteProvider) -> tuple[Rendering, Studio]:
        studio.mishaps.update(mishaps)
        return await provider.generate(an_order(), folder, heard), studio

    made, studio = play(scenario)
    return made, studio, heard


def test_a_video_is_made_and_told_of(
    play: Callable[..., Any], tmp_path: Path, footage: Path
) -> None:
    made, studio, heard = making(play, tmp_path, {})
    assert made.video.read_bytes() == footage.read_bytes()  # of the right size: as it came
    assert made.thumbnail.read_bytes()[:3] == b"\xff\xd8\xff"
    assert made.seconds == pytest.approx(2.0, abs=0.05)
    assert heard.names == ["work-1"]
    assert heard.percents == [0, 36, 90]
    assert heard.steps == ["waiting", "rendering", "downloading"]
    assert len(studio.steps("submit")) == 1
    assert studio.cancelled == []
    assert all(asked.headers["Authorization"] == f"Bearer {KEY}" for asked in studio.asked)


def test_work_that_was_submitted_before_is_waited_for_and_not_asked_for_again(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    heard = Heard()

    async def scenario(studio: Studio, provider: RemoteProvider) -> Studio:
        order = an_order(submitted=studio.begin())
        await provider.generate(order, tmp_path, heard)
        return studio

    studio = play(scenario)
    assert studio.steps("submit") == []
    assert heard.names == []


def test_submitted_work_that_has_disappeared_is_an_error_that_another_attempt_mends(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    error, _ = failing(play, tmp_path, {}, order=an_order(submitted="work-9"))
    assert "knows nothing of its work work-9" in str(error)
    assert error.retryable


def test_a_busy_provider_is_no_failure_and_says_when_to_come(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    error, studio = failing(play, tmp_path, {"submit": [answers(429, Retry_After="17")]})
    assert (error.kind, error.retryable, error.retry_after) == ("busy", True, 17)
    assert studio.works == {}


def test_a_busy_provider_may_name_a_date(play_any: Callable[..., Any], tmp_path: Path) -> None:
    at = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90), usegmt=True)
    error, _ = failing(play_any, tmp_path, {"submit": [answers(429, Retry_After=at)]})
    assert error.retry_after == pytest.approx(90, abs=5)


@pytest.mark.parametrize("status", [400, 402, 404, 413, 422])
def test_a_question_that_is_refused_is_not_asked_again(
    play_any: Callable[..., Any], tmp_path: Path, status: int
) -> None:
    body = b'{"error": {"code": "bad", "message": "the prompt\\nis odd"}}'
    error, studio = failing(play_any, tmp_path, {"submit": [answers(status, body)]})
    assert (error.kind, error.retryable) == ("failed", False)
    assert str(error).endswith(f"answered {status}: bad the prompt is odd")
    assert len(studio.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_not_told_on(
    play_any: Callable[..., Any], tmp_path: Path, status: int
) -> None:
    body = f'{{"error": {{"message": "Incorrect API key: {KEY[:8]}***{KEY[-4:]}"}}}}'.encode()
    error, _ = failing(play_any, tmp_path, {"submit": [answers(status, body)]})
    assert str(error).endswith(f"refuses the key ({status})")
    assert not error.retryable


def test_a_key_in_an_error_is_blotted_out(play_any: Callable[..., Any], tmp_path: Path) -> None:
    body = f'{{"detail": "what is {KEY}?"}}'.encode()
    error, _ = failing(play_any, tmp_path, {"submit": [answers(400, body)]})
    assert str(error).endswith("what is ***?")


def test_a_key_in_what_a_provider_says_is_in_no_log_line(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    body = f'{{"error": {{"message": "{"x" * 280} sent {KEY}"}}}}'.encode()
    with capture_logs() as said:
        error, _ = failing(play_any, tmp_path, {"look": [answers(502, body)] * 20})
    assert [line for line in said if line["event"] == "asked in vain"]
    for told in (str(error), str(said)):
        assert KEY[:8] not in told


@pytest.mark.parametrize(
    "mishap",
    [answers(500), answers(503, b"<html>busy</html>"), hangs, breaks_off],
    ids=["500", "503", "hangs", "breaks off"],
)
def test_a_provider_out_of_reach_is_asked_once_and_left_to_the_next_attempt(
    play_any: Callable[..., Any], tmp_path: Path, mishap: Handler
) -> None:
    bounds = bounds_for(mishap)
    error, studio = failing(play_any, tmp_path, {"submit": [mishap]}, bounds=bounds)
    assert (error.kind, error.retryable) == ("unreachable", True)
    assert len(studio.asked) == 1  # a second question might start a second work


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"}{", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b"<html>hello</html>", "not a JSON object"),
        (b'{"id": "work-1", "more": "%s"}' % (b"x" * 2_000_000), "not a JSON object"),
        (b"{}", "no usable name"),
        (b'{"id": "../../account"}', "no usable name"),
        (b'{"id": null}', "no usable name"),
    ],
    ids=["torn", "list", "deep", "html", "huge", "nothing", "path", "null"],
)
def test_garbage_for_a_name_is_an_error(
    play_any: Callable[..., Any], tmp_path: Path, body: bytes, says: str
) -> None:
    error, _ = failing(play_any, tmp_path, {"submit": [answers(200, body)]})
    assert error.retryable
    assert says in str(error)


def test_questions_that_go_wrong_while_it_works_are_asked_again(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    troubles = [answers(500), answers(200, b"<html>")]
    _, studio, _ = making(play_any, tmp_path, {"look": troubles})
    assert len(studio.steps("look")) == 2 + 3
    assert len(studio.steps("submit")) == 1


@pytest.mark.parametrize("mishap", [hangs, breaks_off, answers(502)], ids=["hangs", "off", "502"])
def test_a_provider_that_stays_away_is_given_up(
    play_any: Callable[..., Any], tmp_path: Path, mishap: Handler
) -> None:
    patience = replace(QUICK, troubles=1 if mishap is hangs else 3)
    error, studio = failing(
        play_any,
        tmp_path,
        {"look": [mishap] * patience.troubles},
        patience=patience,
        bounds=bounds_for(mishap),
    )
    assert (error.kind, error.retryable) == ("unreachable", True)
    assert error.left  # the work itself may be fine: the next attempt waits for it
    assert studio.cancelled == []


def test_a_provider_that_is_never_done_is_given_up_and_called_off(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    patience = replace(QUICK, most=0.1)
    error, studio = failing(play_any, tmp_path, {}, story=["working"], patience=patience)
    assert "not done after 0.1 s" in str(error)
    assert not error.left
    assert studio.cancelled == ["work-1"]


def test_a_state_that_nobody_knows_is_an_error(play: Callable[..., Any], tmp_path: Path) -> None:
    error, studio = failing(play, tmp_path, {}, story=["odd"])
    assert "tells of a status" in str(error)
    assert not error.left
    assert studio.cancelled == ["work-1"]


@pytest.mark.parametrize(
    ("state", "retryable"), [("refused", False), ("broken", True), ("cancelled", True)]
)
def test_work_that_fails_says_whether_to_try_again(
    play: Callable[..., Any], tmp_path: Path, state: State, retryable: bool
) -> None:
    error, studio = failing(play, tmp_path, {}, story=["working", state])
    assert (error.kind, error.retryable) == ("failed", retryable)
    assert not error.left
    assert studio.cancelled == []  # it has ended


def test_a_download_that_breaks_off_is_fetched_again_and_not_made_again(
    play_any: Callable[..., Any], tmp_path: Path, footage: Path
) -> None:
    content = footage.read_bytes()
    made, studio, _ = making(play_any, tmp_path, {"video": [half_of(content), answers(503)]})
    assert made.video.read_bytes() == content
    assert len(studio.steps("submit")) == 1


@pytest.mark.parametrize(
    ("mishap", "says"),
    [
        (answers(200, b"", Content_Type="video/mp4"), "an empty video"),
        (answers(200, b"<html>login</html>", Content_Type="text/html"), "text/html, not a video"),
        (answers(200, b"\0" * 5000, Content_Type="video/mp4"), "not a playable MP4"),
        (answers(404, b"{}"), "answered 404"),
    ],
    ids=["empty", "html", "noise", "gone"],
)
def test_what_is_no_video_is_an_error(
    play_any: Callable[..., Any], tmp_path: Path, mishap: Handler, says: str
) -> None:
    error, _ = failing(play_any, tmp_path, {"video": [mishap] * 3})
    assert says in str(error)


def test_a_download_that_hangs_is_given_up(
    play_any: Callable[..., Any], tmp_path: Path, footage: Path
) -> None:
    async def stalls(request: Any) -> Any:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        await response.prepare(request)
        await response.write(footage.read_bytes()[:1000])
        return await hangs(request)

    # The third time there is a page instead, for it takes no time.
    page = answers(200, b"<html>", Content_Type="text/html")
    error, studio = failing(
        play_any, tmp_path, {"video": [stalls, page, page]}, bounds=Bounds(silence=0.2)
    )
    assert "text/html" in str(error)
    assert len(studio.steps("video")) == 3


def test_a_video_that_cannot_be_fetched_now_is_left_for_the_next_attempt(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    error, _ = failing(play_any, tmp_path, {"video": [answers(503)] * 3})
    assert error.left


def test_a_video_that_is_none_is_made_anew(play_any: Callable[..., Any], tmp_path: Path) -> None:
    html = answers(200, b"<html>", Content_Type="text/html")
    error, _ = failing(play_any, tmp_path, {"video": [html] * 3})
    assert not error.left


def test_a_video_that_is_too_large_is_not_kept(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    bounds = Bounds(video_bytes=1000)
    error, studio = failing(play_any, tmp_path, {}, bounds=bounds)
    assert "more than 1000 bytes" in str(error)
    assert not error.retryable
    assert len(studio.steps("video")) == 1


def test_an_order_that_cannot_be_made_is_not_asked_for(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    error, studio = failing(play, tmp_path, {}, order=an_order(seconds=60.0))
    assert not error.retryable
    assert studio.asked == []


async def cancelled(provider: RemoteProvider, order: Order, folder: Path, when: Any) -> None:
    heard = Heard()
    making = asyncio.create_task(provider.generate(order, folder, heard))
    await (when or heard.moving).wait()
    making.cancel()
    done, _ = await asyncio.wait({making}, timeout=60)
    assert done == {making}
    assert making.cancelled()


def test_cancelling_calls_the_work_off(play: Callable[..., Any], tmp_path: Path) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> Studio:
        studio.story = ["working"]
        await cancelled(provider, an_order(), tmp_path, None)
        return studio

    assert play(scenario).cancelled == ["work-1"]


def test_cancelling_while_the_question_is_on_its_way_calls_off_what_it_starts(
    play: Callable[..., Any], tmp_path: Path
) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> Studio:
        async def slow(request: Any) -> Any:
            await asyncio.sleep(0.1)
            return await studio.submit(request)

        studio.mishaps["submit"] = [slow]
        await cancelled(provider, an_order(), tmp_path, studio.submitting)
        return studio

    studio = play(scenario)
    assert list(studio.works) == ["work-1"]
    assert studio.cancelled == ["work-1"]


def test_a_cancel_that_hangs_does_not_hold_us(play_any: Callable[..., Any], tmp_path: Path) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> None:
        studio.story = ["working"]
        studio.mishaps["cancel"] = [hangs]
        await cancelled(provider, an_order(), tmp_path, None)

    patience = Patience(first=0.01, longest=0.02, stop=0.1)
    play_any(scenario, patience=patience, bounds=Bounds(answer=60.0))


def test_work_that_ends_after_the_cancel_changes_nothing(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> list[str]:
        studio.story = ["working"]
        studio.mishaps["cancel"] = [answers(409, b'{"detail": "it has ended"}')]
        await cancelled(provider, an_order(), tmp_path, None)
        studio.works["work-1"] = ["done"]
        return [path.name for path in tmp_path.iterdir()]

    assert play_any(scenario) == []


def test_work_that_another_worker_waits_for_is_not_called_off(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    class Fenced(Heard):
        async def progress(self, percent: float, step: str) -> None:
            raise GivenUp("the attempt is over")

    async def scenario(studio: Studio, provider: RemoteProvider) -> list[str]:
        studio.story = ["working"]
        with pytest.raises(GivenUp):
            await provider.generate(an_order(), tmp_path, Fenced())
        heard = Heard()
        making = asyncio.create_task(provider.generate(an_order(), tmp_path, heard))
        await heard.moving.wait()
        making.cancel(HANDED_ON)
        await asyncio.wait({making})
        assert making.cancelled()
        return studio.cancelled

    assert play_any(scenario) == []


def test_a_story_that_has_ended_stops_the_work(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    class Over(Heard):
        async def submitted(self, provider_job_id: str) -> None:
            raise LookupError("the job was called off")

    async def scenario(studio: Studio, provider: RemoteProvider) -> Studio:
        with pytest.raises(LookupError):
            await provider.generate(an_order(), tmp_path, Over())
        return studio

    assert play_any(scenario).cancelled == ["work-1"]


def test_a_callback_cuts_the_wait_short(play_any: Callable[..., Any], tmp_path: Path) -> None:
    async def scenario(studio: Studio, _: RemoteProvider) -> None:
        wakes = Wakes()
        patience = Patience(first=120.0, longest=120.0)
        provider = RemoteProvider(studio.api(), wakes=wakes, patience=patience)
        studio.story = ["done"]

        class CallsBack(Heard):
            async def submitted(self, provider_job_id: str) -> None:
                wakes.wake(provider_job_id)

        async with asyncio.timeout(30):
            await provider.generate(an_order(), tmp_path, CallsBack())

    play_any(scenario)


def test_a_second_answer_to_the_same_question_is_not_heard(
    play_any: Callable[..., Any], tmp_path: Path
) -> None:
    """An answer with another one behind it on the same connection."""

    async def twice(request: Any) -> Any:
        assert request.transport is not None
        body = b'{"id": "work-1"}'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        request.transport.write((head % len(body) + body) * 2)
        request.transport.close()
        await asyncio.sleep(0)
        raise ConnectionResetError

    async def scenario(studio: Studio, provider: RemoteProvider) -> list[str]:
        studio.begin()
        studio.mishaps["submit"] = [twice]
        heard = Heard()
        await provider.generate(an_order(), tmp_path, heard)
        return heard.names

    assert play_any(scenario) == ["work-1"]


def test_a_probe_costs_nothing_and_tells_of_trouble(play: Callable[..., Any]) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> Studio:
        await provider.probe()
        studio.mishaps["probe"] = [answers(401)]
        with pytest.raises(ProviderError, match="refuses the key"):
            await provider.probe()
        return studio

    studio = play(scenario)
    assert {(asked.step, asked.method) for asked in studio.asked} == {("probe", "GET")}


def test_a_probe_that_hangs_is_given_up(play_any: Callable[..., Any]) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> None:
        studio.mishaps["probe"] = [hangs]
        with pytest.raises(ProviderError, match="in time"):
            await provider.probe()

    play_any(scenario, bounds=SHORT)


def test_a_provider_that_is_not_there_is_out_of_reach(play_any: Callable[..., Any]) -> None:
    async def scenario(studio: Studio, provider: RemoteProvider) -> None:
        await studio.__aexit__()
        with pytest.raises(ProviderError, match="cannot be reached") as failed:
            await provider.probe()
        assert (failed.value.kind, failed.value.retryable) == ("unreachable", True)

    play_any(scenario)
