"""What an API process holds: its connections, made once, handed to every route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.requests import HTTPConnection

from api import single_reads
from api.database import WAIT_SECONDS, Database, Row
from api.health import Health
from api.identity import Identity
from api.limits.counting import Counter
from api.live import LiveHub
from api.metrics import Metrics
from api.once.keeping import Kept
from api.predictions.asked import Asked
from api.predictions.desk import Desk
from api.predictions.drifting import Drifting
from api.predictions.histories import histories
from api.predictions.models import ServedModels
from api.predictions.pace import Pace
from api.predictions.shadowing import Shadowing
from api.predictions.together import Together
from api.publishing import OPTIONS, Publishing
from api.pulse import Pulse
from api.security import Keys
from api.top_lists import AskedTop, TopLists
from api.websockets.watch import Watch
from infra.settings import Settings
from schemas.catalogue import TOPICS, VIRALITY_PREDICTIONS
from schemas.codec import Codec
from schemas.errors import InvalidEventError
from schemas.personal.keys import PersonKeys
from schemas.personal.sealer import Sealer
from schemas.publisher import Position, Publisher
from schemas.registry import Registry
from streams.artifacts import Artifacts
from streams.decisions.connections import connections
from streams.generation.health.breakers import Breakers, Rules
from streams.generation.providers.catalogue import configured
from streams.generation.providers.provider import Provider
from streams.identity.tokens import Tokens
from streams.identity.verifying import Verifier
from streams.log_view import LogView
from streams.outliers.youtube.client import YouTubeClient

ASK_SECONDS = 1.8  # of Kafka: under the time that a health check has
SOURCE = "/groundswell/api"  # ce_source of what comes in here
YOUTUBE_PURPOSE = "api"  # on whose account its units go
YOUTUBE_TRIES = 2  # somebody waits
ACCOUNT_CONNECTIONS = 4  # for whom a request comes from, and changes of accounts
QUICK_SECONDS = 0.5
READING = 2  # statements of a kind that run at a time: more would each do less


@dataclass(frozen=True)
class Services:
    """Everything that outlives a request."""

    settings: Settings
    keys: Keys
    metrics: Metrics
    database: Database
    accounts_pool: AsyncConnectionPool
    tokens: Tokens
    verifier: Verifier
    identity: Identity
    redis: Redis
    quick: Redis  # for what every request asks: it does not wait for a Redis that hangs
    counter: Counter
    kept: Kept
    registry: Registry
    person_keys: PersonKeys
    publishing: Publishing
    artifacts: Artifacts
    log_view: LogView
    health: Health
    pulse: Pulse
    live: LiveHub
    analyses: Watch
    jobs: Watch
    jobs_of_users: Watch
    models: ServedModels
    desk: Desk
    providers: Mapping[str, Provider]
    breakers: Breakers
    pace: Pace  # of predictions
    histories: Together[Asked, list[Row]]
    scores: Together[str, bytes | None]  # answers of `/virality/{video_id}`
    videos: Together[str, bytes | None]  # answers of `/videos/{video_id}`
    top_lists: Together[AskedTop, bytes]
    predictions: Together[dict[str, Any], Position | InvalidEventError]  # their way into the log
    shadowing: Shadowing
    drifting: Drifting
    youtube: YouTubeClient

    @classmethod
    def of(cls, settings: Settings, keys: Keys, metrics: Metrics, models: ServedModels) -> Services:
        """Make them; nothing connects yet."""
        kafka = settings.kafka_config()
        database = Database(settings.dsn)
        accounts_pool = connections(settings.dsn, most=ACCOUNT_CONNECTIONS)
        accounts_pool.timeout = WAIT_SECONDS
        tokens = Tokens(settings.jwt_secrets)
        verifier = Verifier(accounts_pool, tokens)
        redis = Redis.from_url(
            settings.redis_url or "",
            socket_timeout=2.0,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 1),  # a pooled connection may be of before a restart
            decode_responses=True,
        )
        quick = Redis.from_url(
            settings.redis_url or "",
            socket_timeout=QUICK_SECONDS,
            socket_connect_timeout=QUICK_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        registry = Registry(settings.registry_config())
        # Its own complaints about a broker that is away would repeat what the API answers.
        log_view = LogView({**kafka, "log_level": "0"}, TOPICS, ASK_SECONDS)
        pulse = Pulse(database, log_view)
        person_keys = PersonKeys(settings.dsn, settings.personal_data_secrets)
        publisher = Publisher(
            kafka, Codec(registry), source=SOURCE, sealer=Sealer(person_keys), options=OPTIONS
        )
        publishing = Publishing(publisher)
        providers = configured(settings)
        live = LiveHub(settings.dsn, metrics, pulse.beat)
        return cls(
            settings=settings,
            keys=keys,
            metrics=metrics,
            database=database,
            accounts_pool=accounts_pool,
            tokens=tokens,
            verifier=verifier,
            identity=Identity.of(settings, accounts_pool, person_keys, tokens, verifier),
            redis=redis,
            quick=quick,
            counter=Counter(quick, metrics.limits_up.set),
            kept=Kept(quick),
            registry=registry,
            person_keys=person_keys,
            publishing=publishing,
            artifacts=Artifacts(settings.artifacts_url or ""),
            log_view=log_view,
            health=Health(database, redis, log_view),
            pulse=pulse,
            live=live,
            analyses=Watch(
                database, live, "analyses", "analyses.versions", metrics.analysis_listeners
            ),
            jobs=Watch(database, live, "jobs", "jobs.versions", metrics.job_listeners),
            jobs_of_users=Watch(
                database, live, "jobs", "jobs.versions_of_users", metrics.job_listeners
            ),
            models=models,
            desk=Desk(models.serving),
            providers=providers,
            breakers=Breakers(redis, providers, Rules.of(settings)),
            pace=Pace(),
            histories=Together(partial(histories, database)),
            scores=Together(partial(single_reads.scores, database), most=READING),
            videos=Together(partial(single_reads.videos, database), most=READING),
            top_lists=Together(TopLists(database).each, most=READING),
            predictions=Together(partial(publishing.each, VIRALITY_PREDICTIONS)),
            shadowing=Shadowing(models.shadow, partial(publishing.publish, VIRALITY_PREDICTIONS)),
            drifting=Drifting(database, lambda: models.serving().version),
            youtube=YouTubeClient.from_settings(
                settings, purpose=YOUTUBE_PURPOSE, tries=YOUTUBE_TRIES
            ),
        )

    async def open(self) -> None:
        """Start connecting; a server that is away does not hold up the start."""
        await self.database.open()
        await self.accounts_pool.open(wait=False)
        self.publishing.start()
        self.models.start()
        self.desk.start()
        self.shadowing.start()
        self.live.start()
        for watch in (self.analyses, self.jobs, self.jobs_of_users):
            watch.start()

    async def close(self) -> None:
        """End what is open."""
        for watch in (self.analyses, self.jobs, self.jobs_of_users):
            await watch.close()
        await self.live.close()
        await self.desk.close()
        await self.shadowing.close()
        await asyncio.to_thread(self.models.close)
        self.publishing.close()
        await self.identity.close()
        self.person_keys.close()
        self.registry.close()
        await self.youtube.aclose()
        await self.redis.aclose()
        await self.accounts_pool.close(timeout=2.0)
        await self.quick.aclose()
        await self.database.close()


async def services(connection: HTTPConnection) -> Services:
    """The services of the application that a request or a WebSocket came to.

    A coroutine: others cost a thread.
    """
    return cast("Services", connection.app.state.services)


Here = Annotated[Services, Depends(services)]
