"""Settings of accounts: how they get mail, and at whom their holders may sign in."""

from __future__ import annotations

import json
import re
from email.utils import parseaddr
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")  # it stands in addresses
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class OidcProvider(BaseModel):
    """Who vouches for people, by OpenID Connect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    scopes: tuple[str, ...] = ("openid", "email", "profile")

    @field_validator("issuer")
    @classmethod
    def _over_tls(cls, text: str) -> str:
        address = urlsplit(text)
        local = address.scheme == "http" and address.hostname in _LOOPBACK
        if not address.hostname or not (local or address.scheme == "https"):
            raise ValueError("an issuer is an https:// address (http:// only on this machine)")
        if address.query or address.fragment:
            raise ValueError("an issuer's address has neither ? nor #")
        return text

    @field_validator("scopes")
    @classmethod
    def _with_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("`openid` has to be among the scopes: without, nobody is vouched for")
        return scopes


_PROVIDERS = TypeAdapter(dict[str, OidcProvider])


class AccountSettings(BaseSettings):
    """The part of [`Settings`][infra.settings.Settings] that only accounts read."""

    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server for accounts (docs/identity.md): smtp://user:password@host:587 "
        "(STARTTLS) or smtps://user:password@host:465. Unset: mail is written into `outbox` of the "
        "data directory.",
    )
    mail_from: str = Field(
        "Groundswell <groundswell@localhost>", description="Sender of the mail that accounts get."
    )
    oidc_providers: SecretStr | None = Field(
        None,
        description="Who vouches for people by OpenID Connect, as JSON: name to issuer, client_id, "
        "client_secret and scopes (docs/identity.md). Unset: nobody.",
    )

    @field_validator("smtp_url")
    @classmethod
    def _a_server(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        try:
            address = urlsplit(secret.get_secret_value())
            good = address.scheme in ("smtp", "smtps") and bool(address.hostname)
            good = good and address.port != 0 and address.path in ("", "/")
            good = good and address.query in ("", "starttls=off")
        except ValueError:  # a port that is none
            good = False
        if not good:  # the message has no part of the value: there is a password in it
            raise ValueError(
                "it has to be an address such as smtp://user:password@mail.example.org:587 or "
                "smtps://mail.example.org"
            )
        return secret

    @field_validator("mail_from")
    @classmethod
    def _a_sender(cls, text: str) -> str:
        address = parseaddr(text)[1]
        if "@" not in address or any(ord(one) < 32 for one in text):
            raise ValueError("it has to be a sender such as Groundswell <no-reply@example.org>")
        return text

    @field_validator("oidc_providers")
    @classmethod
    def _providers(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            _read_providers(secret.get_secret_value())
        return secret

    @property
    def oidc(self) -> dict[str, OidcProvider]:
        """Who vouches for people, by the name in addresses."""
        if self.oidc_providers is None:
            return {}
        return _read_providers(self.oidc_providers.get_secret_value())


def _read_providers(text: str) -> dict[str, OidcProvider]:
    """What the setting says.

    Raises:
        ValueError: it says nothing that is understood; the message repeats no value, for a secret
            may be among them.
    """
    try:
        found = _PROVIDERS.validate_python(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{place}: {first['msg']}") from None
    except ValueError:
        raise ValueError(
            'it has to be JSON: {"name": {"issuer": "https://...", "client_id": "...", '
            '"client_secret": "..."}}'
        ) from None
    for name in found:
        if not _PROVIDER_NAME.fullmatch(name):
            raise ValueError(
                f"{name[:40]!r} is no name for a provider: small letters, digits, - and _, at most "
                "32 of them"
            )
    return found
