"""Every address, asked for by everybody who may come to the door.

What is expected stands here once more, by groups of addresses, and does not look at the table.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from api import analyses, generation
from api.access import table
from api.app import create_app
from api.commanding import connect
from api.routes import analytics, condition
from api.routes.account import Self
from api.users import Who
from infra.settings import Settings
from schemas.catalogue import GENERATION_EVENTS, OUTLIER_ANALYSES, VIRALITY_PREDICTIONS
from schemas.codec import Codec
from schemas.registry import Registry
from streams.generation.jobs import commands as jobs
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.job_commands import Queue
from streams.outliers.analyses import commands as runs
from streams.outliers.analyses.request import AnalysisRequest
from tests.integration.api.callers import PROVING_NOTHING, ROLES, Callers, accounts_of
from tests.integration.api.conftest import Api, moment, stored, stored_events
from tests.integration.api.in_process import Answer, InProcess, started
from tests.integration.api.stand_in import StandInModels
from tests.integration.api.test_analyses import run_of, told
from tests.integration.api.test_jobs import queued_facts, story
from tests.integration.api.test_listening import carried

Make = Callable[[str], str]

CALLERS = (
    "page", "user", "creator", "owner", "moderator", "admin", "installation",
    "reading key", "publishing key", "admin's key", "suspended",
)  # fmt: skip

# in: neither 401 nor 403, and no thing is hidden. ok: the same, and the thing is there.
# The columns are CALLERS: page, user, creator, owner, moderator, admin, installation;
# the owner's keys for reading and for publishing, the administrator's; a suspended user's key.
EXPECTED = {
    "open":            "in  in  in  in  in  in  in  in  in  in  in",
    "read":            "in  in  in  in  in  in  in  in  403 in  403",
    "spend":           "in  403 in  in  in  in  in  in  403 in  403",
    "moderate":        "in  403 403 403 in  in  in  403 403 in  403",
    "administer":      "403 403 403 403 403 in  in  403 403 in  403",
    "ask":             "403 in  in  in  in  in  in  403 in  in  403",
    "ask as creator":  "403 403 in  in  in  in  in  403 in  in  403",
    "publish facts":   "403 403 in  in  in  in  in  403 in  in  403",
    "publish others":  "403 403 403 403 403 in  in  403 403 in  403",
    "thing":           "ok  404 404 ok  ok  ok  ok  ok  403 ok  403",
    "change":          "403 404 404 ok  403 ok  ok  403 ok  ok  403",
    "change analysis": "403 403 404 ok  403 ok  ok  403 ok  ok  403",
    "keys":            "403 in  in  in  in  in  in  403 403 in  403",
    "key":             "403 404 404 ok  404 ok  ok  403 403 ok  403",
    "self":            "403 in  in  in  in  in  403 403 403 403 403",
}  # fmt: skip

V1 = "/api/v1"

GROUPS: dict[str, list[tuple[str, str]]] = {
    "open": [
        ("GET", "/"),
        ("POST", "/session"),
        ("MOUNT", "/static"),
        ("GET", "/health"),
        ("GET", "/health/ready"),
        ("GET", "/health/detailed"),
        ("GET", "/metrics"),
        *((method, path) for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
          for method in ("GET", "HEAD")),
        ("GET", V1 + "/health"),
        ("POST", V1 + "/providers/{provider}/callback"),
        ("GET", "/account/verify-email"),
        ("GET", "/account/reset-password"),
        *(
            ("POST", V1 + "/auth" + path)
            for path in (
                "/register", "/verify-email", "/verify-email/again", "/login", "/token", "/refresh",
                "/password/forgot", "/password/reset",
            )
        ),
        ("GET", V1 + "/auth/oidc"),
        ("GET", V1 + "/auth/oidc/{provider}"),
        ("GET", V1 + "/auth/oidc/{provider}/callback"),
    ],
    "read": [
        ("GET", V1 + path)
        for path in (
            "/health/detailed", "/totals", "/live", "/system/health", "/youtube/quota",
            "/videos", "/videos/", "/jobs", "/jobs/stats", "/predictions", "/outlier/list",
            "/analytics/dashboard", "/analytics/categories", "/analytics/trends",
            "/models/info", "/models/health", "/models/shadow", "/providers/status",
            "/virality/top", "/virality/{video_id}", "/virality/{video_id}/history",
            "/outliers", "/outliers/shifts", "/outliers/niches",
            "/channels", "/channels/{channel_id}", "/channels/{channel_id}/baseline",
            "/channels/{channel_id}/videos",
            "/config/content", "/config/content/search-queries", "/config/content/queries",
            "/config/content/game-patterns", "/config/content/patterns",
        )
    ],
    "spend": [
        ("GET", V1 + "/channels/search"),
        ("GET", V1 + "/channels/{name}/info"),
        ("GET", V1 + "/youtube/channels"),
        ("GET", V1 + "/youtube/channels/{name}/videos"),
    ],
    "moderate": [("GET", V1 + "/system/status"), ("GET", V1 + "/system/metrics")],
    "administer": [
        ("PUT", V1 + "/config/content"),
        ("PUT", V1 + "/config/content/search-queries"),
        ("PUT", V1 + "/config/content/queries"),
        ("PUT", V1 + "/config/content/game-patterns"),
        ("PUT", V1 + "/config/content/patterns"),
        ("POST", V1 + "/config/content/reset"),
        ("POST", V1 + "/providers/test"),
        ("GET", V1 + "/users"),
        ("GET", V1 + "/users/{user_id}"),
        ("GET", V1 + "/users/{user_id}/events"),
        ("PUT", V1 + "/users/{user_id}/role"),
        ("PUT", V1 + "/users/{user_id}/tier"),
        ("POST", V1 + "/users/{user_id}/suspend"),
        ("POST", V1 + "/users/{user_id}/reinstate"),
    ],
    "keys": [("GET", V1 + "/keys"), ("POST", V1 + "/keys")],
    "key": [("DELETE", V1 + "/keys/{key_id}")],
    "self": [
        ("GET", V1 + "/auth/me"),
        ("POST", V1 + "/auth/oidc/{provider}/link"),
        *(
            ("POST", V1 + "/auth" + path)
            for path in (
                "/password/change", "/2fa/setup", "/2fa/confirm", "/2fa/disable",
                "/2fa/backup-codes", "/logout", "/logout-everywhere",
            )
        ),
    ],
    "ask": [
        ("POST", V1 + "/jobs"),
        ("POST", V1 + "/videos/generate"),
        ("POST", V1 + "/predict"),
        ("POST", V1 + "/predict/batch"),
    ],
    "ask as creator": [("POST", V1 + "/outlier/start")],
    "publish facts": [("POST", V1 + "/events/{topic}")],
    "thing": [
        ("GET", V1 + "/jobs/{job_id}"),
        ("GET", V1 + "/jobs/{job_id}/history"),
        ("GET", V1 + "/videos/{video_id}"),
        ("GET", V1 + "/videos/{video_id}/download"),
        ("HEAD", V1 + "/videos/{video_id}/download"),
        ("GET", V1 + "/videos/{video_id}/thumbnail"),
        ("HEAD", V1 + "/videos/{video_id}/thumbnail"),
        ("GET", V1 + "/predictions/{prediction_id}"),
        ("GET", V1 + "/outlier/status/{analysis_id}"),
        ("GET", V1 + "/outlier/results/{analysis_id}"),
        ("GET", V1 + "/outlier/export/{analysis_id}"),
        ("GET", V1 + "/outlier/export/{analysis_id}/excel"),
        ("GET", V1 + "/outlier/export/{analysis_id}/json"),
        ("WS", V1 + "/outlier/ws/{analysis_id}"),
    ],
    "change": [
        ("POST", V1 + "/jobs/{job_id}/cancel"),
        ("POST", V1 + "/jobs/{job_id}/retry"),
        ("DELETE", V1 + "/jobs/{job_id}"),
        ("POST", V1 + "/analytics/save"),
    ],
    "change analysis": [("POST", V1 + "/outlier/cancel/{analysis_id}")],
}  # fmt: skip

# Addresses that the groups have twice, with something else in them.
ALSO = [("publish others", "POST", V1 + "/events/{topic}", "generation.requests.v1")]

ROWS = [(group, *address) for group, addresses in GROUPS.items() for address in addresses]

CONTENT = b"a video" * 100


@dataclass
class World:
    """An application with things of one owner, and everybody who may ask for them."""

    app: InProcess
    callers: Callers
    tables: Api
    things: dict[str, str] = field(default_factory=dict)

    def ask(self, caller: str, method: str, template: str, **more: str) -> Answer:
        path = template
        if "{key_id}" in path:  # whoever may revoke it has done so
            more["key_id"] = self.callers.key_id("owner")
        for name, value in {**self.things, **more}.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, path
        body = {"prediction_id": self.things["prediction_id"], "actual_views": 5}
        return self.app.ask(
            "GET" if method == "MOUNT" else method,
            f"{path}/dashboard.css" if method == "MOUNT" else path,
            self.callers.headers[caller],
            body if template.endswith("/analytics/save") else {} if method != "GET" else None,
        )


@pytest.fixture(scope="module")
def world(
    provisioned: Settings,
    api_settings: Settings,
    unique: Make,
) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        # Nobody projects here: writes need not wait for the tables.
        patch.setattr(generation, "SETTLE_SECONDS", 0.0)
        patch.setattr(analyses, "SETTLE_SECONDS", 0.0)
        patch.setattr(analytics, "DEFAULT_WAIT_MS", 0)
        patch.setattr(condition, "_LOOK_SECONDS", 0.0)
        models = StandInModels()
        app = create_app(api_settings, models)
        with started(app) as running, Registry(provisioned.registry_config()) as registry:
            services = app.state.services
            accounts = accounts_of(services)
            callers = Callers(running, services, accounts)
            callers.make(unique)
            tables = Api(api_settings, "", None, None, Codec(registry), models)  # type: ignore[arg-type]
            world = World(running, callers, tables)
            world.things = _things(world, tables, callers.ids["owner"], unique)
            yield world
            accounts.close()


def _things(world: World, tables: Api, owner: str, unique: Make) -> dict[str, str]:
    """Things of the owner: a video that is done, a queued job, a prediction, an analysis."""
    done, queued, analysis, prediction = map(unique, ("done", "queued", "analysis", "prediction"))
    _complete(tables, done, owner)
    tables.fold("predictions", VIRALITY_PREDICTIONS, _predicted(prediction, owner))
    world.app.run(_ask_for(world, queued, analysis, owner))
    request = told(analysis, 1, "AnalysisRequested", user_id=owner, request="{}")
    tables.fold("analyses", OUTLIER_ANALYSES, request, *run_of(analysis))
    return {
        "job_id": queued,
        "video_id": done,
        "prediction_id": prediction,
        "analysis_id": analysis,
        "topic": "engagement.events.v1",
        "channel_id": "nobody",
        "name": "x" * 201,  # too long: YouTube is not asked
        "provider": "nobody",
        "user_id": owner,
    }


def _complete(tables: Api, job: str, owner: str) -> None:
    facts = {
        "artifact": stored(tables, f"videos/{job}.mp4", CONTENT),
        "thumbnail": stored(tables, f"videos/{job}.jpg", CONTENT),
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    tables.fold(
        "jobs",
        GENERATION_EVENTS,
        story(job, 1, "JobQueued", **queued_facts(user_id=owner)),
        story(
            job, 2, "Completed", attempt=1, video_seconds=4.0, processing_s=1.0, **facts
        ),
    )  # fmt: skip


def _predicted(prediction: str, owner: str) -> dict[str, Any]:
    return {
        "_type": "PredictionMade",
        "event_id": prediction,
        "occurred_at": moment(),
        "prediction_id": prediction,
        "video_id": None,
        "title": "A title",
        "category": None,
        "request": "{}",
        "predicted_views": 10.0,
        "lower": 1.0,
        "upper": 100.0,
        "model_version": "stand-in-1",
        "channel_id": None,
        "user_id": owner,
        "horizon_h": 24,
        "due_at": moment(),
        "score": 50.0,
        "stage": "before",
    }


async def _ask_for(world: World, job: str, analysis: str, owner: str) -> None:
    async with await connect(world.callers.services) as connection:
        wish = JobQueued(**queued_facts(user_id=owner))
        await jobs.decide(connection, job, Queue(dt.datetime.now(dt.UTC), wish))
        await runs.start(connection, analysis_id=analysis, user_id=owner, request=AnalysisRequest())


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
            thing in world.app.ask("GET", V1 + path, headers).body.decode() for path, thing in asked
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
