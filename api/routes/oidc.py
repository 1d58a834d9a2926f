"""Signing in at somebody who vouches for people."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.errors import not_found
from api.oidc.provider import Provider
from api.refusals import Refusing
from api.routes import V1
from api.routes.account import Self
from api.routes.auth import shown
from api.services import Here, Services
from api.shapes.accounts import ProviderList, SessionTokens, WayThere

router = APIRouter(prefix=f"{V1}/auth/oidc", tags=["accounts"], route_class=Refusing)

_JOINS = "joins"  # what a journey keeps of a user who wants to join an account at the provider


@router.get("", summary="Where one can sign in besides")
async def providers(here: Here) -> ProviderList:
    """By the names that addresses have."""
    return ProviderList(providers=sorted(here.identity.providers))


@router.get(
    "/{provider}",
    status_code=302,
    response_class=RedirectResponse,
    summary="Sign in at a provider",
    responses={302: {"description": "To the provider's page, with a cookie for the way back."}},
)
async def sign_in(provider: str, request: Request, here: Here) -> Response:
    """For a browser. The way back ends at `callback`."""
    return await _set_out(provider, request, here, {})


@router.post("/{provider}/link", summary="Join an account at a provider to one's own")
async def link(
    provider: str, request: Request, own: Self, here: Here, response: Response
) -> WayThere:
    """Let the browser that got this answer's cookie go to `url`; `callback` joins them then."""
    redirect = await _set_out(provider, request, here, {_JOINS: own[0]})
    response.headers["Set-Cookie"] = redirect.headers["set-cookie"]
    response.headers["Cache-Control"] = "no-store"
    return WayThere(url=redirect.headers["location"])


@router.get("/{provider}/callback", summary="The way back from a provider")
async def callback(
    provider: str, request: Request, here: Here, response: Response
) -> SessionTokens:
    """Logs in whom the provider vouches for: the account that was joined before, or the one with
    the same verified e-mail address, or a new one."""
    one = _named(provider, here)
    identity = here.identity
    kept = identity.journeys.load(request)
    user_id = kept.pop(_JOINS, None)
    request.scope["session"] = kept
    identity.journeys.end(response)
    vouched = await one.way_back(request)
    if user_id is not None:
        await identity.accounts.link_provider(user_id, one.name, vouched.subject)
    session = await identity.accounts.login_with_provider(
        one.name,
        vouched.subject,
        vouched.email or "",
        vouched.email_verified,
        vouched.name,
    )
    return shown(session, response)


async def _set_out(
    provider: str, request: Request, here: Services, kept: dict[str, str]
) -> RedirectResponse:
    one = _named(provider, here)
    request.scope["session"] = dict(kept)
    back = f"{here.identity.base}{V1}/auth/oidc/{one.name}/callback"
    response = await one.way_there(request, back)
    here.identity.journeys.save(response, request.scope["session"])
    response.headers["Cache-Control"] = "no-store"
    return response


def _named(name: str, here: Services) -> Provider:
    found = here.identity.providers.get(name)
    if found is None:
        raise not_found("provider", name)
    return found
