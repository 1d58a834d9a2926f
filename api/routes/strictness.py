"""Routes whose documented clients expect FastAPI's own `detail`, and 400 for what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api.errors import ApiError, from_validation


class BadRequestRoute(APIRoute):
    """A route that answers 400 where others answer 422, and whose envelope has `detail` too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its errors turned."""
        handle = super().get_route_handler()

        async def turned(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise _with_detail(from_validation(error, status=400)) from None
            except ApiError as error:
                raise _with_detail(error) from None

        return turned


def _with_detail(error: ApiError) -> ApiError:
    error.also["detail"] = error.message
    return error
