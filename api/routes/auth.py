"""Accounts' beginning, and the way in."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from api.errors import ApiError
from api.refusals import Refusing, misfit
from api.routes import V1
from api.services import Here
from api.shapes.accounts import (
    LONGEST_EMAIL,
    LONGEST_PASSWORD,
    Accepted,
    EmailNamed,
    Login,
    RefreshTokenSent,
    Registration,
    SessionTokens,
    TokenSent,
    VerifiedEmail,
)
from api.steady import steady
from streams.identity.answers import Session
from streams.identity.emails import folded

router = APIRouter(prefix=f"{V1}/auth", tags=["accounts"], route_class=Refusing)

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_CHECK_MAIL = Accepted(message="if that can be done, there is mail at this address soon")
_LONGEST = {"username": LONGEST_EMAIL, "password": LONGEST_PASSWORD, "code": 40}
_FORM_SHAPE = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["username", "password"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["password"]},
                        "username": {"type": "string", "description": "The e-mail address."},
                        "password": {"type": "string", "format": "password"},
                        "code": {"type": "string", "description": "Where a second factor is on."},
                    },
                }
            }
        },
    }
}


@router.post("/register", status_code=202, summary="Make an account")
async def register(body: Registration, here: Here) -> Accepted:
    """The address gets mail with a code for `verify-email`. The answer is the same where it has an
    account already; its owner is told by mail then."""
    identity = here.identity
    async with steady():
        done = await identity.accounts.register(body.email, body.password, body.name)
        token = done.verification_token
        if done.user_id is None:
            token = await identity.accounts.ask_verification(body.email)
    write, to = identity.letters, folded(body.email)
    identity.postman.send(write.taken(to) if token is None else write.verification(to, token))
    return _CHECK_MAIL


@router.post("/verify-email", summary="Show that an e-mail address is one's own")
async def verify_email(body: TokenSent, here: Here) -> VerifiedEmail:
    """With the code of the mail, once, within 24 hours."""
    return VerifiedEmail(user_id=await here.identity.accounts.verify_email(body.token))


@router.post("/verify-email/again", status_code=202, summary="Get that mail once more")
async def verify_again(body: EmailNamed, here: Here) -> Accepted:
    """The code of the mail before is void then."""
    async with steady():
        token = await here.identity.accounts.ask_verification(body.email)
    if token is not None:
        here.identity.postman.send(here.identity.letters.verification(folded(body.email), token))
    return _CHECK_MAIL


@router.post("/login", summary="Log in")
async def login(body: Login, here: Here, response: Response) -> SessionTokens:
    """401 `TWO_FACTOR_NEEDED` says that the password is right and a `code` is missing. After five
    failures it is 423 for a while, whether there is such an account or not."""
    session = await here.identity.accounts.login(body.email, body.password, code=body.code)
    return shown(session, response)


@router.post("/token", summary="Log in, as OAuth 2 has it", openapi_extra=_FORM_SHAPE)
async def token(request: Request, here: Here, response: Response) -> SessionTokens:
    """As `login`, for clients that send the form of RFC 6749, 4.3, such as the page at /docs."""
    form = await _form_of(request)
    if form.get("grant_type", "password") != "password":
        raise misfit("body.grant_type", "has to be password; `refresh` is for refresh tokens")
    for name, longest in _LONGEST.items():
        if len(form.get(name, "")) > longest:
            raise misfit(f"body.{name}", f"has at most {longest} characters")
    for name in ("username", "password"):
        if not form.get(name):
            raise misfit(f"body.{name}", "is missing")
    session = await here.identity.accounts.login(
        form["username"], form["password"], code=form.get("code") or None
    )
    return shown(session, response)


@router.post("/refresh", summary="Go on with a session")
async def refresh(body: RefreshTokenSent, here: Here, response: Response) -> SessionTokens:
    """New tokens; the old refresh token is used up. One that comes a second time has been stolen
    from somebody: the session is ended."""
    return shown(await here.identity.accounts.refresh(body.refresh_token), response)


def shown(session: Session, response: Response) -> SessionTokens:
    """A session as its holder gets it; no cache keeps it."""
    response.headers["Cache-Control"] = "no-store"
    return SessionTokens(
        access_token=session.access_token,
        expires_in=session.expires_in,
        refresh_token=session.refresh_token,
        refresh_expires_in=session.refresh_expires_in,
        user_id=session.user_id,
        role=session.role,
    )


async def _form_of(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        ApiError: 415, 422: the body is none.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"send the form as {FORM}, or JSON to /login")
    try:
        text = (await request.body()).decode()
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:  # no UTF-8, or too many fields
        raise misfit("body", "is no form") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise misfit("body", "has a field twice")
    return found
