"""One provider: the way to it, and what it says about who comes back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client.errors import MismatchingStateError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import RedirectResponse

from api.oidc.errors import NotVouchedError, ProviderAwayError
from infra.account_settings import OidcProvider

TIMEOUT_SECONDS = 10.0
LEEWAY_SECONDS = 60  # between the provider's clock and ours
# Signed with a key that only the provider has. Neither `none`, nor HMAC, whose key we have too.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")

# At DEBUG it writes PKCE's verifiers.
logging.getLogger("authlib").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider vouches for.

    Attributes:
        subject: the provider's id of the account; the same for ever, unlike an address.
        email: None where the provider does not say.
        email_verified: whether the provider says that the address is the holder's.
    """

    subject: str
    email: str | None
    email_verified: bool
    name: str | None


class Provider:
    """A provider as the settings have it. Authlib speaks OpenID Connect; what it leaves open is
    checked here: that the issuer is the one that was set, the audience, and the algorithms.

    Both ways raise ProviderAwayError where the provider cannot be asked.
    """

    def __init__(self, name: str, settings: OidcProvider) -> None:
        self.name = name
        self._settings = settings
        self._app: Any = OAuth().register(
            name,
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            server_metadata_url=settings.issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": " ".join(settings.scopes),
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_SECONDS,
            },
        )

    async def way_there(self, request: Request, back: str) -> RedirectResponse:
        """Send a browser to the provider; what it has to keep is in `request.session` then.

        Args:
            back: the address that the provider sends it to afterwards.
        """
        await self._known()
        response: RedirectResponse = await self._app.authorize_redirect(request, back)
        return response

    async def way_back(self, request: Request) -> Vouched:
        """Whom the provider vouches for, once everything that came back is right.

        Raises:
            NotVouchedError: something is not.
        """
        await self._known()
        denied = request.query_params.get("error")
        if request.query_params.get("iss") not in (None, self._settings.issuer):  # RFC 9207
            raise NotVouchedError("state", f"this answer is not of {self.name}: begin again")
        try:
            token = await self._app.authorize_access_token(
                request,
                claims_options={
                    "iss": {"essential": True, "value": self._settings.issuer},
                    # Authlib would be content with `azp`.
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
                leeway=LEEWAY_SECONDS,
            )
            claims = token.get("userinfo")
            if claims is None:
                raise NotVouchedError("id_token", f"{self.name} sent no id_token")
            return await self._vouched(claims, token)
        except MismatchingStateError:
            raise NotVouchedError(
                "state",
                "this is not the way back of a login that this browser began within the last ten "
                "minutes: begin again",
            ) from None
        except AuthlibBaseError as error:
            if denied is not None:
                raise NotVouchedError("denied", f"{self.name} said no: {_word(denied)}") from None
            raise NotVouchedError(
                "code", f"{self.name} does not take the code: {_word(error.error)}"
            ) from None
        except JoseError as error:
            raise NotVouchedError(
                "id_token", f"the id_token of {self.name} proves nothing: {error.error}"
            ) from None
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise self._away(error) from None

    async def _known(self) -> None:
        """Know where the provider's addresses are; asked for once."""
        try:
            metadata = await self._app.load_server_metadata()
            if metadata.get("issuer") != self._settings.issuer:
                raise ProviderAwayError(
                    f"{self.name} calls itself {str(metadata.get('issuer'))[:200]!r}, and the "
                    f"issuer that is set is {self._settings.issuer!r}"
                )
            for endpoint in _ENDPOINTS:
                self._hold_tls(str(metadata.get(endpoint)), endpoint)
            offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
            metadata["id_token_signing_alg_values_supported"] = [
                name for name in _ALGORITHMS if name in offered
            ]
            ways = metadata.get("token_endpoint_auth_methods_supported") or [_BASIC]
            if _BASIC not in ways and _POST in ways:
                self._app.client_kwargs["token_endpoint_auth_method"] = _POST
        except ProviderAwayError:
            self._app.server_metadata.clear()  # it may be mended the next time
            raise
        except (httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
            self._app.server_metadata.clear()
            raise self._away(error) from None

    def _hold_tls(self, address: str, what: str) -> None:
        wanted = urlsplit(self._settings.issuer).scheme
        if urlsplit(address).scheme not in ("https", wanted):
            raise ProviderAwayError(f"{self.name} has no {what} over https")

    async def _vouched(self, claims: Mapping[str, Any], token: Mapping[str, Any]) -> Vouched:
        subject = str(claims["sub"])
        found = dict(claims)
        if "email" not in found and "userinfo_endpoint" in self._app.server_metadata:
            more = await self._app.userinfo(token=token)
            if more.get("sub") == subject:  # else it is about somebody else (OIDC Core 5.3.2)
                found = {**more, **found}
        email, name = found.get("email"), found.get("name")
        return Vouched(
            subject=subject,
            email=email if isinstance(email, str) and email else None,
            email_verified=found.get("email_verified") in (True, "true"),  # some send a text
            name=name if isinstance(name, str) and name else None,
        )

    def _away(self, error: Exception) -> ProviderAwayError:
        return ProviderAwayError(
            f"{self.name} does not answer as OpenID Connect has it ({type(error).__name__})"
        )


def _word(text: object) -> str:
    """An error's name as it may be shown: it came from outside."""
    return "".join(one for one in str(text)[:60] if one.isalnum() or one in "_-. ")
