"""Settings of accounts that are wrong are told by name, and repeat no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import Settings

PASSWORD = "a-password-of-a-mail-server"
GOOD: dict[str, Any] = {
    "issuer": "https://login.example.org",
    "client_id": "groundswell",
    "client_secret": "a-secret-of-a-client",
}


@pytest.mark.parametrize(
    "wrong",
    [
        "mail.example.org:25",
        f"http://u:{PASSWORD}@mail.example.org",
        f"smtp://u:{PASSWORD}@",
        f"smtp://u:{PASSWORD}@mail.example.org:99999",
        f"smtp://u:{PASSWORD}@mail.example.org:x",
        f"smtp://u:{PASSWORD}@mail.example.org/somewhere",
        f"smtp://u:{PASSWORD}@mail.example.org?starttls=perhaps",
    ],
)
def test_an_address_that_is_no_mail_server_s_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="an address such as smtp://") as error:
        Settings(_env_file=None, smtp_url=wrong)
    assert error.value.errors()[0]["loc"] == ("smtp_url",)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize("wrong", ["nobody", "Groundswell <nobody>", "a@example.org\r\nBcc: b@c"])
def test_a_sender_is_an_address(wrong: str) -> None:
    with pytest.raises(ValidationError, match="a sender such as"):
        Settings(_env_file=None, mail_from=wrong)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("not json, but a-secret-of-a-client", "has to be JSON"),
        ("[]", "dictionary"),
        (json.dumps({"Big Name": GOOD}), "is no name for a provider"),
        (json.dumps({"x": {**GOOD, "issuer": "http://login.example.org"}}), "https://"),
        (json.dumps({"x": {**GOOD, "issuer": "https://login.example.org?a=b"}}), "neither"),
        (json.dumps({"x": {**GOOD, "scopes": ["email"]}}), "openid"),
        (json.dumps({"x": {**GOOD, "client_id": ""}}), "x.client_id"),
        (json.dumps({"x": {**GOOD, "clientid": "y"}}), "x.clientid"),
    ],
)
def test_providers_that_cannot_be_understood_are_refused(wrong: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as error:
        Settings(_env_file=None, oidc_providers=wrong)
    assert error.value.errors()[0]["loc"] == ("oidc_providers",)
    assert GOOD["client_secret"] not in str(error.value)


def test_providers_are_read_and_their_secrets_are_not_shown() -> None:
    settings = Settings(_env_file=None, oidc_providers=json.dumps({"works": GOOD}))
    assert settings.oidc["works"].issuer == GOOD["issuer"]
    assert settings.oidc["works"].scopes == ("openid", "email", "profile")
    assert settings.oidc["works"].client_secret.get_secret_value() == GOOD["client_secret"]
    assert GOOD["client_secret"] not in repr(settings) + repr(settings.oidc)
    assert Settings(_env_file=None).oidc == {}
