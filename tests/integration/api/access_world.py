"""An application with things of one owner, and everybody who may ask for them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from api import analyses, generation
from api.app import create_app
from api.commanding import connect
from api.routes import analytics, condition
from infra.settings import Settings
from schemas.catalogue import GENERATION_EVENTS, OUTLIER_ANALYSES, VIRALITY_PREDICTIONS
from schemas.codec import Codec
from schemas.registry import Registry
from streams.generation.jobs import commands as jobs
from streams.generation.jobs.events import JobQueued
from streams.generation.jobs.job_commands import Queue
from streams.outliers.analyses import commands as runs
from streams.outliers.analyses.request import AnalysisRequest
from tests.integration.api.callers import Callers, accounts_of
from tests.integration.api.conftest import Api, moment, stored
from tests.integration.api.in_process import Answer, InProcess, started
from tests.integration.api.stand_in import StandInModels
from tests.integration.api.test_analyses import run_of, told
from tests.integration.api.test_jobs import queued_facts, story

Make = Callable[[str], str]

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


@contextmanager
def opened(settings: Settings, unique: Make) -> Iterator[World]:
    """The world, until it ends."""
    # The matrix asks more often in an hour than a user may.
    settings = settings.model_copy(update={"rate_limit_tiers": "free=1000000/hour"})
    with pytest.MonkeyPatch.context() as patch:
        # Nobody projects here: writes need not wait for the tables.
        patch.setattr(generation, "SETTLE_SECONDS", 0.0)
        patch.setattr(analyses, "SETTLE_SECONDS", 0.0)
        patch.setattr(analytics, "DEFAULT_WAIT_MS", 0)
        patch.setattr(condition, "_LOOK_SECONDS", 0.0)
        models = StandInModels()
        app = create_app(settings, models)
        with started(app) as running, Registry(settings.registry_config()) as registry:
            services = app.state.services
            accounts = accounts_of(services)
            callers = Callers(running, services, accounts)
            callers.make(unique)
            tables = Api(settings, "", None, None, Codec(registry), models)  # type: ignore[arg-type]
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
    waiting = story(queued, 1, "JobQueued", **queued_facts(user_id=owner))
    tables.fold("jobs", GENERATION_EVENTS, waiting)
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
