"""What an API process holds: its connections, made once, handed to every route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.requests import HTTPConnection

from api.database import Database, Row
from api.health import Health
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
from api.publishing import Publishing
from api.pulse import Pulse
from api.security import Keys
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
from streams.generation.health.breakers import Breakers, Rules
from streams.generation.providers.catalogue import configured
from streams.generation.providers.provider import Provider
from streams.log_view import LogView
from streams.outliers.youtube.client import YouTubeClient

ASK_SECONDS = 1.8  # of Kafka: under the time that a health check has
SOURCE = "/groundswell/api"  # ce_source of what comes in here
YOUTUBE_PURPOSE = "api"  # on whose account its units go
YOUTUBE_TRIES = 2  # somebody waits
QUICK_SECONDS = 2.0


@dataclass(frozen=True)
class Services:
    """Everything that outlives a request."""

    settings: Settings
    keys: Keys
    metrics: Metrics
    database: Database
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
    models: ServedModels
    desk: Desk
    providers: Mapping[str, Provider]
    breakers: Breakers
    pace: Pace  # of predictions
    histories: Together[Asked, list[Row]]
    predictions: Together[dict[str, Any], Position | InvalidEventError]  # their way into the log
    shadowing: Shadowing
    drifting: Drifting
    youtube: YouTubeClient

    @classmethod
    def of(cls, settings: Settings, keys: Keys, metrics: Metrics, models: ServedModels) -> Services:
        """Make them; nothing connects yet."""
        kafka = settings.kafka_config()
        database = Database(settings.dsn)
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
        publisher = Publisher(kafka, Codec(registry), source=SOURCE, sealer=Sealer(person_keys))
        publishing = Publishing(publisher)
        providers = configured(settings)
        live = LiveHub(settings.dsn, metrics, pulse.beat)
        return cls(
            settings=settings,
            keys=keys,
            metrics=metrics,
            database=database,
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
            analyses=Watch(database, live, metrics),
            models=models,
            desk=Desk(models.serving),
            providers=providers,
            breakers=Breakers(redis, providers, Rules.of(settings)),
            pace=Pace(),
            histories=Together(partial(histories, database)),
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
        self.publishing.start()
        self.models.start()
        self.desk.start()
        self.shadowing.start()
        self.live.start()
        self.analyses.start()

    async def close(self) -> None:
        """End what is open."""
        await self.analyses.close()
        await self.live.close()
        await self.desk.close()
        await self.shadowing.close()
        await asyncio.to_thread(self.models.close)
        self.publishing.close()
        self.person_keys.close()
        self.registry.close()
        await self.youtube.aclose()
        await self.redis.aclose()
        await self.quick.aclose()
        await self.database.close()


async def services(connection: HTTPConnection) -> Services:
    """The services of the application that a request or a WebSocket came to.

    A coroutine: others cost a thread.
    """
    return cast("Services", connection.app.state.services)


Here = Annotated[Services, Depends(services)]
