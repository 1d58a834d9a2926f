"""The application: routes, and what stands around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import errors
from api.access.door import Door
from api.access.guide import Guide
from api.access.table import rules
from api.around.conditional import Conditional
from api.around.deadline import Deadline
from api.around.draining import Drain, Draining
from api.around.enveloped import Enveloped
from api.around.headers import SecurityHeaders
from api.body_limit import BodyLimit
from api.documented import Documented
from api.errors import ErrorEnvelope, NoApiKeyError
from api.limits.middleware import RateLimits, RefusalLimits
from api.limits.rules import Rules
from api.metrics import Metrics
from api.middleware import LastResort, RequestContext
from api.once.middleware import Idempotency
from api.predictions.models import RegisteredModels, ServedModels
from api.routes import (
    account,
    account_pages,
    analytics,
    auth,
    callbacks,
    channels,
    condition,
    content,
    dashboard,
    events,
    health,
    jobs,
    keys,
    live,
    oidc,
    outlier,
    outliers,
    predictions,
    providers,
    served,
    system,
    users,
    videos,
    virality,
    youtube,
)
from api.security import Keys
from api.services import Services
from api.version import VERSION
from infra.settings import Settings

_DESCRIPTION = """
Reads of the projections, and the way in for events. Who asks under `/api/` sends a key in
`X-API-Key`, or a key or an access token as a bearer token; `x-access` of an operation says who may.
A write answers with `X-Event-Position`; a read takes it as
`min_position` and waits up to `wait_ms` until its answer contains it.
"""

_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorEnvelope, "description": description}
    for code, description in (
        (400, "It goes against a rule."),
        (401, "Nothing proves who asks: no key, or one that has expired or was revoked."),
        (403, "Who asks may not do that; or the key is unknown."),
        (404, "Not known."),
        (409, "Under way, or done with an answer that is not kept."),
        (413, "The body is too large."),
        (422, "It does not fit; `details` has paths and reasons."),
        (429, "Too many requests; `Retry-After` says when."),
        (500, "A mistake in here; the log has it under the request id."),
        (503, "A server is away."),
        (504, "No answer in time."),
    )
}

GZIP_FROM = 1024  # bytes; less is not worth it
GZIP_LEVEL = 4  # most of what 9 saves, at a third of its time

CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CORS_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-API-Key",
    "X-Request-ID",
    "X-User-ID",
)
CORS_EXPOSED = (
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "X-Event-Position",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Status",
    "X-Request-ID",
)

# Addresses are tried in this order: what is asked for most, and in a hurry, comes first. Each is
# included by the application itself: within another router it would be looked for twice.
_DOMAINS = (
    virality,
    videos,
    events,
    predictions,
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
    auth,
    account,
    oidc,
    users,
    keys,
)


def create_app(settings: Settings, models: ServedModels | None = None) -> FastAPI:
    """The application for some settings, whose addresses are all set. It connects when it starts.

    Args:
        models: what predicts; those of the registry where it is left out.

    Raises:
        NoStackError: the settings have no key, no secret to seal personal fields with, or none to
            sign tokens with.
        TableError: it is not said of a route who may use it.
    """
    _ = settings.personal_data_secrets, settings.jwt_secrets
    if settings.api_key is None or not settings.api_key.get_secret_value():
        raise NoApiKeyError
    keys = Keys(settings.api_key.get_secret_value(), settings.api_host)
    metrics = Metrics()
    drain = Drain()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = Services.of(settings, keys, metrics, models or RegisteredModels(settings))
        await services.open()
        app.state.services = services
        drain.on_release(services.live.release)
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
    app.state.drain = drain
    errors.install(app)
    for domain in _DOMAINS:
        app.include_router(domain.router, responses=_ERRORS)
    app.include_router(health.router)
    app.include_router(condition.open_router)
    app.include_router(dashboard.router)
    app.include_router(account_pages.router)
    static = Path(__file__).parent / "static"
    app.mount("/static", StaticFiles(directory=static), name="static")
    _surround(app, settings, keys, metrics, drain)
    return app


def _surround(app: FastAPI, settings: Settings, keys: Keys, metrics: Metrics, drain: Drain) -> None:
    """Put around the routes what holds for every request; the last one added stands outermost.

    All of it is plain ASGI, so that streams pass chunk by chunk. From the inside out:
    """
    limits = Rules(settings)
    # An ETag is of what is said, not of its compressed bytes.
    app.add_middleware(Conditional)
    # What it leaves out: event streams, videos, pictures, archives.
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)
    # Keeps what was said, so that a repeat may have it compressed or not.
    app.add_middleware(Idempotency, metrics=metrics)
    # Whatever reads bodies stands within.
    app.add_middleware(BodyLimit)
    # A request that is too many costs no more than this; who asks is known behind the door.
    closed = settings.rate_limit_when_redis_is_away == "closed"
    app.add_middleware(RateLimits, rules=limits, metrics=metrics, closed=closed)
    app.add_middleware(
        Door,
        guide=Guide(app.routes, rules()),
        keys=keys,
        verifier=lambda scope: scope["app"].state.services.verifier,
    )
    app.add_middleware(RefusalLimits, rules=limits, metrics=metrics)
    # The time of the door and of reading bodies counts.
    app.add_middleware(Deadline, seconds=settings.request_timeout_seconds)
    # What nobody has caught; within what a browser needs to read it.
    app.add_middleware(LastResort)
    # A browser asks beforehand without a key, and reads errors of all that is within.
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_HEADERS,
            expose_headers=CORS_EXPOSED,
        )
    if settings.trusted_hosts:
        app.add_middleware(
            TrustedHostMiddleware, allowed_hosts=settings.trusted_hosts, www_redirect=False
        )
    app.add_middleware(Draining, drain=drain)
    # Libraries refuse in their own words: whatever is within gets the envelope, and every answer
    # these headers.
    app.add_middleware(Enveloped)
    app.add_middleware(SecurityHeaders, behind_tls=settings.behind_tls)
    # The id of a request, and its time.
    app.add_middleware(RequestContext, metrics=metrics)
    # Before anybody looks at an address.
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
