"""The pages that links in mail lead to."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates

from api.mail.letters import RESET_PAGE, VERIFY_PAGE
from api.routes.dashboard import HERE, PAGE_HEADERS

router = APIRouter(tags=["accounts"])

_templates = Jinja2Templates(HERE / "templates")


@router.get(VERIFY_PAGE, summary="Page to confirm an e-mail address", response_class=Response)
async def verify_page(request: Request) -> Response:
    """The code is behind the `#` of the address, which no server sees; a press on the page's button
    sends it to the API. Programs that only look at links in mail use nothing up."""
    return _page(request, "verify")


@router.get(RESET_PAGE, summary="Page to choose a new password", response_class=Response)
async def reset_page(request: Request) -> Response:
    """As the page above, with a field for the new password."""
    return _page(request, "reset")


def _page(request: Request, does: Literal["verify", "reset"]) -> Response:
    return _templates.TemplateResponse(
        request, "account.html", {"does": does}, headers=PAGE_HEADERS
    )
