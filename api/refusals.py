"""What is told where an account's wish is not granted, in the house's envelope."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.access.rules import CHALLENGE
from api.errors import ApiError, unavailable
from api.oidc.errors import NotVouchedError, OidcError, ProviderAwayError
from streams.decisions.decider import Refused
from streams.identity import errors as identity
from streams.identity.scopes import ScopeError

_CONFLICT, _FORBIDDEN = 409, 403
_STATUS_OF_RULES = {
    "scope_above_role": _FORBIDDEN,
    "tier_above_owner": _FORBIDDEN,
    "own_account": _FORBIDDEN,
    "suspended": _FORBIDDEN,
}


class Refusing(APIRoute):
    """A route whose refusals by the domain become answers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the refusals translated."""
        handle = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            try:
                return await handle(request)
            except (identity.IdentityError, Refused, ScopeError, OidcError) as error:
                raise told(error) from None

        return refusing


def told(error: Exception) -> ApiError:
    """A refusal as what the client may know of it."""
    match error:
        case identity.LoginRefused():
            return login_refused(error, 401)
        case identity.TwoFactorNeeded():
            return _not_in("TWO_FACTOR_NEEDED", error)
        case identity.SessionOver():
            return _not_in("SESSION_OVER", error, {"why": error.code})
        case identity.NotVerified():
            return ApiError(403, "EMAIL_NOT_VERIFIED", str(error))
        case identity.LinkRefused():
            return ApiError(403, "LINK_REFUSED", str(error), details={"why": error.code})
        case identity.TokenRefused():
            return ApiError(400, "TOKEN_REFUSED", str(error))
        case identity.InvalidEmail():
            return misfit("body.email", str(error))
        case identity.PasswordRefused():
            return misfit("body.password", str(error))
        case identity.UnknownAccount():
            return ApiError(404, "NOT_FOUND", str(error))
        case ScopeError():
            return misfit("body.scopes", str(error))
        case Refused(code="unknown_key"):
            return ApiError(404, "NOT_FOUND", error.reason)
        case Refused():
            status = _STATUS_OF_RULES.get(error.code, _CONFLICT)
            return ApiError(status, error.code.upper(), error.reason)
        case NotVouchedError():
            return _not_in("NOT_VOUCHED", error, {"why": error.code})
        case ProviderAwayError():
            return unavailable("provider", str(error))
    raise error


def login_refused(error: identity.LoginRefused, status: int) -> ApiError:
    """A wrong password or code.

    Args:
        status: 401 for a login; 403 for somebody who is logged in, whose token is good: at a 401
            clients would get a new one and ask again.
    """
    if error.locked_until is not None:
        wait = (error.locked_until - dt.datetime.now(dt.UTC)).total_seconds()
        return ApiError(
            423,
            "LOCKED",
            str(error),
            details={"locked_until": error.locked_until},
            headers={"Retry-After": str(max(1, math.ceil(wait)))},
        )
    if status == 401:
        return _not_in("LOGIN_REFUSED", error)
    return ApiError(status, "LOGIN_REFUSED", str(error))


def _not_in(code: str, error: Exception, details: dict[str, Any] | None = None) -> ApiError:
    headers = {"WWW-Authenticate": CHALLENGE}
    return ApiError(401, code, str(error), details=details, headers=headers)


def misfit(path: str, reason: str) -> ApiError:
    """422 for a value that does not fit."""
    return ApiError(
        422,
        "VALIDATION_ERROR",
        f"validation error: {path}: {reason}",
        details={"errors": [{"path": path, "reason": reason}]},
    )
