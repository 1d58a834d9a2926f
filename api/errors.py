"""What a client is told when something is wrong: one envelope, one code per kind of trouble."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import redis.exceptions
import structlog
from confluent_kafka import KafkaException
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from infra.settings import NoStackError
from schemas.personal.errors import PersonalDataError
from schemas.registry import SchemaRegistryError
from streams.artifacts import ArtifactError, DamagedArtifactError, MissingArtifactError
from streams.outliers.youtube.errors import (
    ASKED_WRONG,
    QuotaExhaustedError,
    RefusedError,
    UnavailableError,
)
from streams.webhooks.signing import SecretError

log = structlog.get_logger()


class ApiError(Exception):
    """An answer that is no success.

    Attributes:
        status: the HTTP status.
        code: a word in capitals that a program can branch on.
        message: one sentence: what is wrong, where, and how to mend it.
        details: facts for a program.
        headers: of the response.
        also: further members of the envelope, which documented clients look for.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = {} if details is None else details
        self.headers = headers
        self.also: dict[str, Any] = {}


class BodyTooLargeError(HTTPException):
    """More came than a body may have. Of this kind, so that no reader of bodies rewraps it."""

    def __init__(self, most: int) -> None:
        super().__init__(413)
        self.most = most


class NoApiKeyError(NoStackError):
    """The API has no key: set API_KEY, or start it with `groundswell up`, which makes one."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class ErrorEnvelope(BaseModel):
    """Every answer with a status of 400 or above."""

    error: str = Field(description="What is wrong, for a person.")
    error_code: str = Field(description="What is wrong, for a program.")
    details: Any = Field(description="Facts: paths of wrong fields, limits, states.")
    timestamp: dt.datetime = Field(description="When it was answered (UTC).")
    request_id: str = Field(description="Also in the X-Request-ID header and in the log.")


def not_found(what: str, identity: str) -> ApiError:
    """404 for a thing that is not known."""
    return ApiError(404, "NOT_FOUND", f"no {what} is called {identity!r}", details={what: identity})


def validation_error(path: str, reason: str) -> ApiError:
    """400 for a value that does not fit."""
    return ApiError(
        400,
        "VALIDATION_ERROR",
        f"validation error: {path}: {reason}",
        details={"errors": [{"path": path, "reason": reason}]},
    )


def too_large(most: int) -> ApiError:
    """413 for a body of more than `most` bytes."""
    return ApiError(
        413,
        "CONTENT_TOO_LARGE",
        f"a body has at most {most} bytes; send fewer events at a time",
        details={"most_bytes": most},
    )


def unavailable(server: str, message: str) -> ApiError:
    """503 for a server that is away."""
    return ApiError(
        503,
        f"{server.upper()}_UNAVAILABLE",
        message,
        details={"server": server},
        headers={"Retry-After": "2"},
    )


def envelope(
    request_id: str,
    status: int,
    code: str,
    message: str,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
    also: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """An error as a response."""
    body = {
        "error": message,
        "error_code": code,
        "details": {} if details is None else details,
        "timestamp": dt.datetime.now(dt.UTC).isoformat(),
        "request_id": request_id,
        **(also or {}),
    }
    return JSONResponse(jsonable_encoder(body), status, dict(headers or {}))


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the handshake of a WebSocket, with an error."""
    response = envelope(
        scope["state"]["request_id"],
        error.status,
        error.code,
        error.message,
        error.details,
        error.headers,
        error.also,
    )
    await response(scope, receive, send)


def translate(error: Exception) -> ApiError:
    """Any exception as what the client may know of it."""
    match error:
        case ApiError():
            return error
        case BodyTooLargeError():
            return too_large(error.most)
        case HTTPException():
            return _from_http(error)
        case RequestValidationError():
            return from_validation(error)
        case psycopg.errors.UndefinedTable():
            return unavailable(
                "projections", "the tables are not there yet: is the projector running?"
            )
        case PersonalDataError():
            return unavailable("person_keys", f"personal fields cannot be sealed: {error}")
        case psycopg.errors.QueryCanceled():
            return unavailable("database", "the database took too long; ask for less")
        case SecretError():
            return unavailable("secrets", f"a secret for signatures is set to none: {error}")
        case psycopg.DataError():
            return validation_error("request", "a text has a NUL, or a number is out of range")
        case psycopg.OperationalError() | PoolTimeout():
            return unavailable("database", "the database does not answer; try again in a moment")
        case redis.exceptions.ConnectionError() | redis.exceptions.TimeoutError():
            return unavailable("redis", "Redis does not answer; try again in a moment")
        case ArtifactError() | MissingArtifactError() | DamagedArtifactError():
            return unavailable("artifacts", f"the artifact store fails: {error}")
        case KafkaException():
            return unavailable("kafka", "Kafka does not answer; try again in a moment")
        case QuotaExhaustedError():
            return _units_are_spent(error)
        case UnavailableError():
            return unavailable("youtube", str(error))
        case RefusedError():
            return _refused_by_youtube(error)
        case SchemaRegistryError():
            return unavailable("registry", "the schema registry refused; try again in a moment")
        case _ if type(error).__module__.split(".")[0] in ("httpx", "httpcore"):
            # The schema registry's: the Data API's client tells its own troubles.
            return unavailable("registry", "the schema registry does not answer")
    log.error("request failed", error=type(error).__name__, exc_info=error)
    return ApiError(
        500,
        "INTERNAL_ERROR",
        "something went wrong here; the log has it under this request_id",
        details={"type": type(error).__name__},
    )


def install(app: FastAPI) -> None:
    """Send every kind of error of an application through the envelope."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        found = translate(error)
        if found.status == 405:
            found.headers = {"Allow": ", ".join(_allowed(request))}
        return envelope(
            request.state.request_id,
            found.status,
            found.code,
            found.message,
            found.details,
            found.headers,
            found.also,
        )

    for kind in (ApiError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)


def _allowed(request: Request) -> list[str]:
    """The methods that are taken at this address; the router tells of its first route alone."""
    return [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def _from_http(error: HTTPException) -> ApiError:
    code = HTTPStatus(error.status_code).name
    messages = {
        404: "there is nothing at this address; /openapi.json lists what there is",
        405: "this address does not take that method",
    }
    message = messages.get(error.status_code, str(error.detail))
    return ApiError(error.status_code, code, message, headers=error.headers)


def _units_are_spent(error: QuotaExhaustedError) -> ApiError:
    wait = (error.resets_at - dt.datetime.now(dt.UTC)).total_seconds()
    return ApiError(
        429,
        "YOUTUBE_QUOTA_EXHAUSTED",
        str(error),
        details={"needed": error.needed, "left": error.left, "resets_at": error.resets_at},
        headers={"Retry-After": str(max(1, math.ceil(wait)))},
    )


def _refused_by_youtube(error: RefusedError) -> ApiError:
    """400 where the request was wrong, 502 where it is the key, or how it is used here."""
    if error.reason in ASKED_WRONG:
        return validation_error("request", str(error))
    details = {"status": error.status, "reason": error.reason}
    return ApiError(502, "YOUTUBE_REFUSED", str(error), details=details)


def from_validation(error: RequestValidationError, status: int = 422) -> ApiError:
    """What does not fit a request's shape, with the path to each field."""
    errors = [
        {"path": ".".join(str(step) for step in found["loc"]), "reason": found["msg"]}
        for found in error.errors()
    ]
    first = errors[0] if errors else {"path": "", "reason": "it does not fit"}
    return ApiError(
        status,
        "VALIDATION_ERROR",
        f"validation error: {first['path']}: {first['reason']}",
        details={"errors": errors},
    )
