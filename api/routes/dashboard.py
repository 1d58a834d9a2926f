"""The page at the front door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from api.errors import ApiError
from api.responses import also
from api.services import Here
from api.version import VERSION

HERE = Path(__file__).parent.parent

router = APIRouter(tags=["dashboard"])

_templates = Jinja2Templates(HERE / "templates")

# Nothing from elsewhere, and nothing inline: text from an event can never run.
_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


class KeyOffered(BaseModel):
    """The API's key, typed in by a person."""

    key: str = Field(min_length=1, max_length=500)


@router.get(
    "/",
    summary="Dashboard",
    response_class=Response,
    responses={200: {"content": {"application/json": {}, "text/html": {}}}},
)
async def front(request: Request, here: Here) -> Response:
    """The dashboard for a browser (`Accept: text/html`), a greeting for the rest."""
    if "text/html" not in request.headers.get("accept", ""):
        greeting: dict[str, Any] = {
            "message": "Groundswell is running",
            "version": VERSION,
            "docs": "/docs",
        }
        return JSONResponse(greeting, headers={"Vary": "Accept"})
    trusted = here.keys.trusts(request) or here.keys.has_session(request)
    page = _templates.TemplateResponse(
        request, "dashboard.html", {"trusted": trusted, "version": VERSION}, headers=PAGE_HEADERS
    )
    if trusted:
        here.keys.open_session(page)
    return page


@router.post(
    "/session", status_code=204, summary="Open a dashboard session", responses=also(400, 403, 422)
)
async def session(body: KeyOffered, here: Here, response: Response) -> None:
    """A cookie that reads, for a browser that is not on the API's machine."""
    if not here.keys.is_key(body.key):
        raise ApiError(403, "FORBIDDEN", "this is not the API's key")
    here.keys.open_session(response)
