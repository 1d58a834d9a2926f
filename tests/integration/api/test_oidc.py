"""Signing in at an OpenID provider: what is right gets in, and nothing else does."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from api import steady
from infra.settings import Settings
from tests.fix_oidc import CLIENT_ID, CLIENT_SECRET, Claims, OidcServer, oidc_server
from tests.integration.api.conftest import Api, serving
from tests.integration.api.people import PASSWORD, Person, address, somebody

PREFIX = "/api/v1/auth/oidc"


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcServer]:
    with oidc_server() as server:
        yield server


@pytest.fixture(autouse=True)
def good_day(provider: OidcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.well()
    provider.person = person_of(address("oda"))
    monkeypatch.setattr(steady, "LEAST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def signing_in(api: Api, provider: OidcServer) -> Iterator[Api]:
    """The API, with the provider in its settings under two names."""
    one = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    settings = api.settings.model_copy(
        update={
            "oidc_providers": SecretStr(json.dumps({"works": one, "other": one})),
            "public_url": "https://videos.example.org/",
        }
    )
    with serving(settings, api.models) as url, httpx.Client(base_url=url, timeout=30) as stranger:
        yield replace(api, settings=settings, url=url, stranger=stranger)


def person_of(email: str, **more: Any) -> Claims:
    return {"sub": uuid.uuid4().hex, "email": email, "email_verified": True, **more}


class Browser:
    """Goes to the provider and comes back, with its cookies, as the API asks it to."""

    def __init__(self, api: Api, provider: OidcServer) -> None:
        self.api = api
        self.provider = provider
        self.cookies: dict[str, str] = {}

    def set_out(self, name: str = "works") -> httpx.Response:
        answer = self.api.stranger.get(f"{PREFIX}/{name}")
        assert answer.status_code == 302, answer.text
        return self.keep(answer)

    def keep(self, answer: httpx.Response) -> httpx.Response:
        """Take the cookie, as a browser does; over TLS only, which there is none of here."""
        cookie = answer.headers["set-cookie"]
        for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/api/v1/auth/oidc"):
            assert word in cookie
        self.cookies = {"groundswell_oidc": cookie.partition("=")[2].partition(";")[0]}
        self.api.stranger.cookies.clear()
        return answer

    def be_sent(self, url: str) -> str:
        """To the provider; where that sends the browser then, without its host."""
        at_provider = httpx.get(url, timeout=30)
        assert at_provider.status_code == 302, at_provider.text
        back = at_provider.headers["location"]
        assert back.startswith("https://videos.example.org" + PREFIX)
        return back.removeprefix("https://videos.example.org")

    def come_back(self, path: str) -> httpx.Response:
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.api.stranger.get(path, headers={"Cookie": header})
        self.api.stranger.cookies.clear()
        return answer

    def sign_in(self) -> httpx.Response:
        return self.come_back(self.be_sent(self.set_out().headers["location"]))


@pytest.fixture
def browser(signing_in: Api, provider: OidcServer) -> Browser:
    return Browser(signing_in, provider)


def me(api: Api, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    person = Person(api, "", tokens=answer.json())
    found: dict[str, Any] = person.get("/auth/me").json()
    return found


def refused(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["error_code"] == "NOT_VOUCHED"
    assert answer.json()["details"]["why"] == why
    assert "access_token" not in answer.text


def test_the_way_there_has_a_state_a_nonce_and_a_challenge(browser: Browser) -> None:
    addresses = [urlsplit(browser.set_out().headers["location"]) for _ in range(2)]
    asked = [parse_qs(one.query) for one in addresses]
    for name in ("state", "nonce", "code_challenge"):
        values = [one[name][0] for one in asked]
        assert len(set(values)) == 2
        assert all(len(value) >= 20 for value in values)
    assert asked[0]["code_challenge_method"] == ["S256"]
    assert "code_verifier" not in addresses[0].query
    assert browser.api.stranger.get(PREFIX).json() == {"providers": ["other", "works"]}


def test_somebody_new_has_an_account_then_and_comes_back_to_it(
    signing_in: Api, browser: Browser, provider: OidcServer
) -> None:
    first = me(signing_in, browser.sign_in())
    assert (first["email"], first["verified"]) == (provider.person["email"], True)
    assert first["providers"] == ["works"]
    provider.person = {**provider.person, "email": address("moved"), "email_verified": False}
    again = me(signing_in, browser.sign_in())
    assert again["user_id"] == first["user_id"]  # by the provider's id, not by the address
    assert again["sessions"] == 2


def test_claims_may_come_from_userinfo_and_keys_may_change(
    signing_in: Api, browser: Browser, provider: OidcServer
) -> None:
    provider.in_id_token = False
    assert me(signing_in, browser.sign_in())["email"] == provider.person["email"]
    provider.turn_key()
    assert me(signing_in, browser.sign_in())["email"] == provider.person["email"]


def test_an_account_with_the_same_address_is_joined_where_the_provider_vouches_for_it(
    signing_in: Api, browser: Browser, provider: OidcServer
) -> None:
    anna = somebody(signing_in)
    provider.person = person_of(anna.email, email_verified=False)
    answer = browser.sign_in()
    assert answer.status_code == 403
    assert answer.json()["error_code"] == "LINK_REFUSED"
    assert answer.json()["details"] == {"why": "email_unverified"}
    del provider.person["email_verified"]
    assert browser.sign_in().status_code == 403
    provider.person = person_of(anna.email)
    assert me(signing_in, browser.sign_in())["user_id"] == anna.user_id
    assert anna.log_in().status_code == 200  # the password is still good


def test_who_made_an_account_for_another_s_address_loses_it(
    signing_in: Api, browser: Browser, provider: OidcServer
) -> None:
    early = Person(signing_in, provider.person["email"])
    body = {"email": early.email, "password": PASSWORD}
    assert signing_in.stranger.post("/api/v1/auth/register", json=body).status_code == 202
    assert me(signing_in, browser.sign_in())["email"] == early.email
    assert early.log_in().status_code == 401


def test_somebody_logged_in_joins_an_account_of_another_address(
    signing_in: Api, browser: Browser, provider: OidcServer
) -> None:
    anna = somebody(signing_in)
    answer = browser.keep(anna.post("/auth/oidc/works/link"))
    joined = browser.come_back(browser.be_sent(answer.json()["url"]))
    assert me(signing_in, joined)["user_id"] == anna.user_id
    assert me(signing_in, browser.sign_in())["user_id"] == anna.user_id
    other = somebody(signing_in)
    answer = browser.keep(other.post("/auth/oidc/works/link"))
    taken = browser.come_back(browser.be_sent(answer.json()["url"]))
    assert (taken.status_code, taken.json()["error_code"]) == (409, "LINKED")


def spoiled(**claims: Any) -> Callable[[Claims], None]:
    return lambda found: found.update(claims)


@pytest.mark.parametrize(
    "spoil",
    [
        spoiled(nonce="another"),
        lambda claims: claims.pop("nonce"),
        spoiled(aud="another client"),
        spoiled(aud="another client", azp=CLIENT_ID),
        spoiled(iss="https://login.example.org"),
        spoiled(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200),
        lambda claims: claims.pop("exp"),
        lambda claims: claims.pop("sub"),
    ],
    ids=["nonce", "no nonce", "audience", "party", "issuer", "expired", "endless", "nobody"],
)
def test_a_token_that_is_wrong_is_refused(
    browser: Browser, provider: OidcServer, spoil: Callable[[Claims], None]
) -> None:
    provider.spoil = spoil
    sent = provider.tokens_sent
    refused(browser.sign_in(), "id_token")
    assert provider.tokens_sent == sent + 1


@pytest.mark.parametrize("sign", ["unsigned", "with_our_secret", "with_another_key"])
def test_a_token_that_anybody_could_sign_is_refused(
    browser: Browser, provider: OidcServer, sign: str
) -> None:
    provider.sign = getattr(provider, sign)
    sent = provider.tokens_sent
    refused(browser.sign_in(), "id_token")
    assert provider.tokens_sent == sent + 1


def test_a_code_is_good_once(signing_in: Api, browser: Browser) -> None:
    back = browser.be_sent(browser.set_out().headers["location"])
    me(signing_in, browser.come_back(back))
    refused(browser.come_back(back), "code")


def test_the_way_back_counts_in_the_browser_that_set_out_alone(
    browser: Browser, signing_in: Api, provider: OidcServer
) -> None:
    back = browser.be_sent(browser.set_out().headers["location"])
    stranger = Browser(signing_in, provider)
    refused(stranger.come_back(back), "state")
    stranger.set_out()
    refused(stranger.come_back(back), "state")
    kept = browser.cookies["groundswell_oidc"]
    browser.cookies["groundswell_oidc"] = kept[:-4] + "AAAA"
    refused(browser.come_back(back), "state")
    browser.cookies["groundswell_oidc"] = kept
    refused(browser.come_back(back.replace("/works/", "/other/")), "state")
    refused(browser.come_back(back.replace("state=", "stated=")), "state")
    refused(browser.come_back(back.replace("iss=", "iss=https%3A%2F%2Fevil.example.org")), "state")
    me(signing_in, browser.come_back(back))


def test_a_code_of_another_browser_cannot_be_brought_in(
    browser: Browser, signing_in: Api, provider: OidcServer
) -> None:
    """PKCE: the state is one's own, and the code somebody else's."""
    other = Browser(signing_in, provider)
    stolen = other.be_sent(other.set_out().headers["location"])
    own = browser.be_sent(browser.set_out().headers["location"])
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    mixed = own.replace(parse_qs(urlsplit(own).query)["code"][0], code)
    refused(browser.come_back(mixed), "code")


def test_a_no_and_nonsense_are_told(browser: Browser, provider: OidcServer) -> None:
    provider.says_no = True
    refused(browser.sign_in(), "denied")
    stranger = browser.api.stranger
    for path in (f"{PREFIX}/works/callback", f"{PREFIX}/works/callback?code=x&state=y"):
        refused(stranger.get(path), "state")
    for path in (f"{PREFIX}/nobody", f"{PREFIX}/nobody/callback"):
        assert stranger.get(path).status_code == 404


def test_a_provider_that_is_away_or_another_is_told(api: Api, provider: OidcServer) -> None:
    one = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    wrong = {
        "away": {**one, "issuer": "http://127.0.0.1:9"},
        "another": {**one, "issuer": provider.issuer + "/"},
    }
    settings: Settings = api.settings.model_copy(
        update={"oidc_providers": SecretStr(json.dumps(wrong))}
    )
    with serving(settings, api.models) as url:
        for name, said in (("away", "ConnectError"), ("another", "calls itself")):
            answer = httpx.get(f"{url}{PREFIX}/{name}", timeout=30)
            assert answer.status_code == 503, answer.text
            assert answer.json()["error_code"] == "PROVIDER_UNAVAILABLE"
            assert said in answer.json()["error"]
