"""Every address, asked for by everybody who may come to the door.

What is expected stands here once more, by groups of addresses, and does not look at the table.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from api import analyses, generation
from api.app import create_app
from api.commanding import connect
from api.routes import analytics
from infra.settings import Settings
from schemas.catalogue import GENERATION_EVENTS, OUTLIER_ANALYSES, VIRALITY_PREDICTIONS
from schemas.codec import Codec
from schemas.registry import Registry
from streams.generation.jobs import commands as jobs
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.job_commands import Queue
from streams.outliers.analyses import commands as runs
from streams.outliers.analyses.request import AnalysisRequest
from tests.integration.api.callers import PROVING_NOTHING, Callers, accounts_of
from tests.integration.api.conftest import Api, moment, stored
from tests.integration.api.in_process import Answer, InProcess, started
from tests.integration.api.stand_in import StandInModels
from tests.integration.api.test_analyses import run_of, told
from tests.integration.api.test_jobs import queued_facts, story

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
    things: dict[str, str] = field(default_factory=dict)

    def ask(self, caller: str, method: str, template: str, **more: str) -> Answer:
        path = template
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
        models = StandInModels()
        app = create_app(api_settings, models)
        with started(app) as running, Registry(provisioned.registry_config()) as registry:
            services = app.state.services
            accounts = accounts_of(services)
            callers = Callers(running, services, accounts)
            callers.make(unique)
            tables = Api(api_settings, "", None, None, Codec(registry), models)  # type: ignore[arg-type]
            world = World(running, callers)
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
        "key_id": "nobody",
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
    if "404" not in expected.values():  # nothing is hidden here
        found = {caller: "in" if one in ("404", "ok") else one for caller, one in found.items()}
    assert found == expected


def _outcome(answer: Answer) -> str:
    status = answer.status - 4000 if answer.status > 4000 else answer.status
    if status in (401, 403, 404):
        return str(status)
    assert status < 500 or answer.code.endswith("_UNAVAILABLE"), answer
    return "ok"
