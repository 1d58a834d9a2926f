"""Refusals in the shape that Google's APIs give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ApiError(Exception):
    """An answer that is no 200.

    Attributes:
        code: HTTP status. reason, domain, location: as the platform's documentation lists them.
        status: name of the gRPC status, where the front door refuses rather than the service.
        detail: `reason` of google.rpc.ErrorInfo.
    """

    code: int
    reason: str
    message: str
    domain: str = "global"
    location: str | None = None
    location_type: str = "parameter"
    status: str | None = None
    detail: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        one = {"message": self.message, "domain": self.domain, "reason": self.reason}
        if self.location is not None:
            one |= {"location": self.location, "locationType": self.location_type}
        error: dict[str, Any] = {"code": self.code, "message": self.message, "errors": [one]}
        if self.status is not None:
            error["status"] = self.status
        if self.detail is not None:
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": self.detail,
                    "domain": "googleapis.com",
                    "metadata": {"service": "youtube.googleapis.com"},
                }
            ]
        return {"error": error}


def no_key() -> ApiError:
    """The request names no key."""
    return ApiError(
        403,
        "forbidden",
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
        status="PERMISSION_DENIED",
    )


def bad_key() -> ApiError:
    """Nobody has this key."""
    return ApiError(
        400,
        "badRequest",
        "API key not valid. Please pass a valid API key.",
        status="INVALID_ARGUMENT",
        detail="API_KEY_INVALID",
    )


def old_bad_key() -> ApiError:
    """The same as the platform said it before 2020; libraries still know it by this reason."""
    return ApiError(400, "keyInvalid", "Bad Request", domain="usageLimits")


def quota_exceeded() -> ApiError:
    """The day's units are spent."""
    return ApiError(
        403,
        "quotaExceeded",
        'The request cannot be completed because you have exceeded your <a href="/youtube/v3/'
        'getting-started#quota">quota</a>.',
        domain="youtube.quota",
    )


def rate_limited() -> ApiError:
    """Too many requests at once."""
    return ApiError(
        403,
        "rateLimitExceeded",
        "The request cannot be completed because too many requests were sent in a short time. "
        "Try again later.",
        domain="usageLimits",
    )


def server_error(code: int) -> ApiError:
    """A fault of the platform's."""
    if code == 503:
        return ApiError(503, "backendError", "The service is currently unavailable.",
                        status="UNAVAILABLE")  # fmt: skip
    return ApiError(code, "backendError", "Internal error encountered.", status="INTERNAL")


def bad_page_token() -> ApiError:
    """A page token that this list did not give."""
    return ApiError(
        400,
        "invalidPageToken",
        "The request specifies an invalid page token.",
        domain="youtube.parameter",
        location="pageToken",
    )


def no_playlist() -> ApiError:
    """A playlist that does not exist, or of a channel that has no uploads."""
    return ApiError(
        404,
        "playlistNotFound",
        "The playlist identified with the request's <code>playlistId</code> parameter cannot be "
        "found.",
        domain="youtube.playlistItem",
        location="playlistId",
    )


def no_part() -> ApiError:
    """The one parameter that every list needs."""
    return ApiError(400, "required", "Required parameter: part", location="part")


def unknown_part(part: str) -> ApiError:
    """A part that the resource does not have."""
    return ApiError(400, "unknownPart", f"'{part}'", domain="youtube.part", location="part")


def no_filter(expected: str) -> ApiError:
    """Nothing says which resources are wanted."""
    return ApiError(
        400,
        "missingRequiredParameter",
        f"No filter selected. Expected one of: {expected}",
        domain="youtube.parameter",
        location="parameters.",
        location_type="other",
    )


def incompatible(parameters: str) -> ApiError:
    """Filters of which only one may be given."""
    return ApiError(
        400,
        "incompatibleParameters",
        f"Incompatible parameters specified in the request: {parameters}",
        domain="youtube.parameter",
        location="parameters.",
        location_type="other",
    )


def bad_parameter(name: str, message: str) -> ApiError:
    """A value out of its range, or not of its kind."""
    return ApiError(400, "invalidParameter", message, domain="youtube.parameter", location=name)


def bad_filter(name: str) -> ApiError:
    """Too many ids, or what does not look like one."""
    return ApiError(
        400,
        "invalidFilters",
        "The request specifies an invalid filter parameter.",
        domain="youtube.parameter",
        location=name,
    )


def unsupported(name: str) -> ApiError:
    """What the platform knows and this server does not."""
    return ApiError(
        400,
        "notSupportedHere",
        f"The local server does not know the parameter {name}; see docs/youtube-local.md.",
        domain="groundswell.local",
        location=name,
    )


def unknown_parameter(name: str) -> ApiError:
    """A parameter that no such method has."""
    return ApiError(
        400,
        "badRequest",
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message.",
        status="INVALID_ARGUMENT",
    )
