"""Every address, asked for by everybody who may come to the door.

What is expected stands in `access_expected`, by groups, and does not look at the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import get_type_hints

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from api.access import table
from api.routes.account import Self
from api.users import Who
from infra.settings import Settings
from tests.integration.api.access_expected import ALSO, CALLERS, EXPECTED, ROWS, V1
from tests.integration.api.access_world import Make, World, opened
from tests.integration.api.callers import PROVING_NOTHING, ROLES
from tests.integration.api.conftest import stored_events
from tests.integration.api.in_process import Answer
from tests.integration.api.test_listening import carried


@pytest.fixture(scope="module")
def world(api_settings: Settings, unique: Make) -> Iterator[World]:
    with opened(api_settings, unique) as found:
        yield found


def test_every_route_is_expected_once(world: World) -> None:
    routed = []
    for context in iter_route_contexts(world.app.app.routes):
        if isinstance(context.original_route, Mount):
            methods = {"MOUNT"}
        elif isinstance(context.original_route, WebSocketRoute):
            methods = {"WS"}
        else:
            methods = context.methods or set()
        routed += [(method, context.path) for method in methods]
    assert sorted(routed) == sorted((method, path) for _, method, path in ROWS)


@pytest.mark.parametrize(
    ("group", "method", "template", "topic"),
    [*((*row, "engagement.events.v1") for row in ROWS), *ALSO],
)
def test_who_may(world: World, group: str, method: str, template: str, topic: str) -> None:
    expected = dict(zip(CALLERS, EXPECTED[group].split(), strict=True))
    expected |= dict.fromkeys(PROVING_NOTHING, "in" if group == "open" else "401")
    found = {
        caller: _outcome(world.ask(caller, method, template, topic=topic)) for caller in expected
    }
    if "/logout" in template:
        world.callers.log_in(*ROLES)
    if "404" not in expected.values():  # nothing is hidden here
        found = {caller: "in" if one in ("404", "ok") else one for caller, one in found.items()}
    assert found == expected


def _outcome(answer: Answer) -> str:
    status = answer.status - 4000 if answer.status > 4000 else answer.status
    if status in (401, 403, 404):
        return str(status)
    assert status < 500 or answer.code.endswith("_UNAVAILABLE"), answer
    return "ok"


def test_things_of_owners_are_asked_about_by_their_routes(world: World) -> None:
    """Every route whose rule says `own` knows who asks."""
    rules = {(method, path): rule for method, path, rule in table.rules()}
    for context in iter_route_contexts(world.app.app.routes):
        for method in getattr(context, "methods", None) or ():
            if rules[method, str(context.path)].own:
                hints = get_type_hints(context.endpoint, include_extras=True).values()
                assert any(hint in (Who, Self) for hint in hints), (method, context.path)


def test_nobody_asks_for_a_job_in_anothers_name(world: World) -> None:
    owner, user = world.callers.ids["owner"], world.callers.ids["user"]
    wish = {"userId": owner, "prompt": "A sunset"}
    for caller, status in (("user", 403), ("moderator", 403), ("owner", 201), ("admin", 201)):
        answer = world.app.ask("POST", f"{V1}/jobs", world.callers.headers[caller], wish)
        assert answer.status == status, caller
    own = {**world.callers.headers["user"], "X-User-ID": user}
    assert world.app.ask("POST", f"{V1}/jobs", own, {**wish, "userId": user}).status == 201


def test_only_administrators_and_the_installations_key_name_a_user(world: World) -> None:
    owner, user = world.callers.ids["owner"], world.callers.ids["user"]
    path = f"{V1}/predictions/{world.things['prediction_id']}"

    def outcome(caller: str, named: str) -> int:
        headers = {**world.callers.headers[caller], "X-User-ID": named}
        return world.app.ask("GET", path, headers).status

    for caller in ("installation", "admin", "admin's key"):
        assert (outcome(caller, owner), outcome(caller, user)) == (200, 404), caller
    for caller in ("page", "moderator", "admin's reading key", "reading key", "user"):
        own = caller == "reading key"  # the owner's
        assert outcome(caller, owner) == (200 if own else 403), caller
        assert outcome(caller, "usr_nobody") == 403, caller


def _pages(world: World, path: str, headers: Mapping[str, str]) -> Iterator[str]:
    """All of a list: other tests have things in it too."""
    cursor = ""
    while cursor is not None:
        mark = "&" if "?" in path else "?"
        page = world.app.ask("GET", f"{path}{mark}cursor={cursor}" if cursor else path, headers)
        yield page.body.decode()
        found = json.loads(page.body)
        cursor = found.get("next_cursor", found.get("nextCursor"))


def test_lists_have_ones_own(world: World) -> None:
    def lists(caller: str) -> list[bool]:
        """Whether the owner's things are in the lists."""
        headers, things = world.callers.headers[caller], world.things
        asked = (
            ("/videos?origin=generated&limit=100", things["video_id"]),
            ("/jobs?take=100", things["video_id"]),
            (f"/jobs?userId={world.callers.ids['owner']}", things["video_id"]),
            ("/predictions", things["prediction_id"]),
            ("/outlier/list", things["analysis_id"]),
        )
        return [
            any(thing in page for page in _pages(world, V1 + path, headers))
            for path, thing in asked
        ]

    for caller in ("owner", "moderator", "admin", "installation", "page", "reading key"):
        assert lists(caller) == [True] * 5, caller
    for caller in ("user", "creator"):
        assert lists(caller) == [False] * 5, caller
    empty = world.app.ask("GET", f"{V1}/jobs/stats", world.callers.headers["creator"]).body
    assert json.loads(empty)["total"] == 0


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        ("none", "UNAUTHORIZED"),
        ("expired token", "TOKEN_EXPIRED"),
        ("foreign token", "INVALID_TOKEN"),
        ("unsigned token", "INVALID_TOKEN"),
        ("token for others", "INVALID_TOKEN"),
        ("token of an ended session", "SESSION_ENDED"),
        ("revoked key", "INVALID_KEY"),
        ("foreign key", "INVALID_KEY"),
    ],
)
def test_a_refusal_says_why_and_how_to_ask(world: World, caller: str, code: str) -> None:
    answer = world.ask(caller, "GET", f"{V1}/channels")
    assert answer.code == code
    assert answer.headers["www-authenticate"].startswith('Bearer realm="groundswell"')
    # Before the body is read, and whether there is such an address or not.
    sent = world.callers.headers[caller]
    assert world.app.ask("POST", f"{V1}/jobs", sent, {"no": "job"}).code == code
    assert world.app.ask("GET", f"{V1}/no/such/address", sent).code == code


def test_a_websocket_takes_keys_and_tokens_as_names_of_subprotocols(world: World) -> None:
    url = f"{V1}/outlier/ws/{world.things['analysis_id']}"

    def closes(credential: str, user: str | None = None) -> int:
        names = ["groundswell", f"groundswell.key.{carried(credential)}"]
        names += [] if user is None else [f"groundswell.user.{carried(user)}"]
        return world.app.ask("WS", url, {"sec-websocket-protocol": ", ".join(names)}).status

    def credential(caller: str) -> str:
        (sent,) = world.callers.headers[caller].values()
        return sent.removeprefix("Bearer ")

    owner = world.callers.ids["owner"]
    for caller in ("owner", "moderator", "reading key", "installation"):
        assert closes(credential(caller)) == 101, caller
    assert closes(credential("installation"), owner) == 101
    assert closes(credential("user")) == 4404
    assert closes(credential("user"), owner) == 4403
    assert closes(credential("publishing key")) == 4403
    assert closes(credential("expired token")) == 4401
    assert closes(credential("revoked key")) == 4401


def test_the_same_idempotency_key_of_two_users_makes_two_events(world: World) -> None:
    event = {"video_id": "v", "channel_id": "c", "viewer_id": "u", "kind": "view"}
    ids = set()
    for caller in ("owner", "creator"):
        key = {**world.callers.headers[caller], "Idempotency-Key": "the same"}
        answer = world.app.ask("POST", f"{V1}/events/engagement.events.v1", key, event)
        assert answer.status == 202, answer
        position = answer.headers["x-event-position"]
        ids |= {one["event_id"] for one in stored_events(world.tables, position)}
    assert len(ids) == 2


def test_the_description_says_who_may(world: World) -> None:
    paths = json.loads(world.ask("none", "GET", "/openapi.json").body)["paths"]
    assert paths["/health"]["get"]["security"] == []
    assert paths[V1 + "/jobs"]["post"]["x-access"] == {
        "role": "user", "scope": "publish:generation.requests.v1", "own": True
    }  # fmt: skip
    for path, operations in paths.items():
        for method, operation in operations.items():
            closed = _outcome(world.ask("none", method.upper(), path)) == "401"
            assert bool(operation["security"]) == closed, (method, path)
