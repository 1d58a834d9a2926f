"""The application: routes, and what stands around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from api import errors
from api.body_limit import BodyLimit
from api.documented import Documented
from api.errors import ErrorEnvelope, NoApiKeyError
from api.metrics import Metrics
from api.middleware import RequestContext
from api.predictions.models import RegisteredModels, ServedModels
from api.routes import (
    analytics,
    callbacks,
    channels,
    condition,
    content,
    dashboard,
    events,
    health,
    jobs,
    live,
    outlier,
    outliers,
    predictions,
    providers,
    served,
    system,
    videos,
    virality,
    youtube,
)
from api.security import Door, Keys
from api.services import Services
from api.version import VERSION
from infra.settings import Settings

_DESCRIPTION = """
Reads of the projections, and the way in for events. Everything under `/api/` takes the API's key
in `X-API-Key` or as a bearer token. A write answers with `X-Event-Position`; a read takes it as
`min_position` and waits up to `wait_ms` until its answer contains it.
"""

_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorEnvelope, "description": description}
    for code, description in (
        (400, "It goes against a rule."),
        (401, "No key."),
        (403, "Not the key, or not to be published."),
        (404, "Not known."),
        (413, "The body is too large."),
        (422, "It does not fit; `details` has paths and reasons."),
        (500, "A mistake in here; the log has it under the request id."),
        (503, "A server is away."),
    )
}

# Addresses are tried in this order: what is asked for most, and in a hurry, comes first.
_DOMAINS = (
    predictions,
    events,
    videos,
    virality,
    analytics,
    served,
    outliers,
    youtube,  # before channels: its `search` is no channel's id
    channels,
    jobs,
    providers,
    callbacks,
    outlier,
    content,
    system,
    condition,
    live,
)


def create_app(settings: Settings, models: ServedModels | None = None) -> FastAPI:
    """The application for some settings, whose addresses are all set. It connects when it starts.

    Args:
        models: what predicts; those of the registry where it is left out.

    Raises:
        NoStackError: the settings have no key, or no secret to seal personal fields with.
    """
    _ = settings.personal_data_secrets
    if settings.api_key is None or not settings.api_key.get_secret_value():
        raise NoApiKeyError
    keys = Keys(settings.api_key.get_secret_value(), settings.api_host)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = Services.of(settings, keys, metrics, models or RegisteredModels(settings))
        await services.open()
        app.state.services = services
        try:
            yield
        finally:
            await services.close()

    app = Documented(
        title="Groundswell",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    errors.install(app)
    # The last one added stands outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(Door, keys=keys)
    app.add_middleware(RequestContext, metrics=metrics)
    app.include_router(_versioned())
    app.include_router(health.router)
    app.include_router(condition.open_router)
    app.include_router(dashboard.router)
    static = Path(__file__).parent / "static"
    app.mount("/static", StaticFiles(directory=static), name="static")
    return app


def _versioned() -> APIRouter:
    router = APIRouter(responses=_ERRORS)
    for domain in _DOMAINS:
        router.include_router(domain.router)
    return router
