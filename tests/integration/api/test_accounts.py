"""Registering, logging in, sessions and passwords, as clients see them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api import steady
from tests.integration.api.conftest import Api
from tests.integration.api.people import (
    PASSWORD,
    Person,
    address,
    code_in,
    letters_to,
    somebody,
)

AUTH = "/api/v1/auth"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that hide how long something took do not make the tests long."""
    monkeypatch.setattr(steady, "LEAST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def anna(api: Api) -> Iterator[Person]:
    """Somebody for tests that change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steady, "LEAST_SECONDS", 0.0)
        yield somebody(api)


def post(api: Api, path: str, **body: Any) -> httpx.Response:
    return api.stranger.post(f"{AUTH}{path}", json=body)


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["error_code"] == code
    assert set(body) == {"error", "error_code", "details", "timestamp", "request_id"}
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    return body


def test_an_account_from_its_beginning_to_a_login(api: Api) -> None:
    person = Person(api, address())
    asked = post(api, "/register", email=person.email.upper(), password=PASSWORD, name="Anna")
    assert asked.status_code == 202
    refused(person.log_in(), 403, "EMAIL_NOT_VERIFIED")
    [letter] = letters_to(api, person.email)
    code = code_in(letter)
    assert f"http://127.0.0.1:{api.settings.api_port}/account/verify-email#{code}" in letter
    verified = post(api, "/verify-email", token=code)
    assert verified.status_code == 200
    refused(post(api, "/verify-email", token=code), 400, "TOKEN_REFUSED")
    answer = person.log_in()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["expires_in"] == 1800
    assert answer.json()["refresh_expires_in"] == 7 * 24 * 3600
    me = person.get("/auth/me").json()
    assert me["user_id"] == verified.json()["user_id"]
    assert me["email"] == person.email
    assert (me["name"], me["role"], me["tier"], me["verified"]) == ("Anna", "user", "free", True)
    assert me["sessions"] == 1


def test_whether_an_address_is_taken_is_told_by_mail_alone(api: Api, anna: Person) -> None:
    known = post(api, "/register", email=anna.email, password="another password")
    unknown = post(api, "/register", email=address(), password="another password")
    assert known.status_code == unknown.status_code == 202
    assert known.json() == unknown.json()
    assert (
        "You" in letters_to(api, anna.email, 2)[-1] or "already" in letters_to(api, anna.email)[-1]
    )
    assert anna.log_in().status_code == 200
    for path in ("/password/forgot", "/verify-email/again"):
        mail = [post(api, path, email=one) for one in (anna.email, address(), "no address")]
        assert {(one.status_code, one.text) for one in mail} == {(202, mail[0].text)}


def test_mail_goes_to_the_address_of_the_account_however_it_is_spelled(api: Api) -> None:
    """Another spelling that comes to the same may be another person's mailbox."""
    to = address()
    spelled = to.replace("anna", "ＡＮＮＡ")  # full-width letters, which are folded to a plain name
    assert post(api, "/register", email=spelled, password=PASSWORD).status_code == 202
    assert post(api, "/verify-email/again", email=spelled).status_code == 202
    assert len(letters_to(api, to, 2)) == 2


def test_mail_to_verify_can_be_had_again_and_voids_the_one_before(api: Api) -> None:
    to = address()
    assert post(api, "/register", email=to, password=PASSWORD).status_code == 202
    assert post(api, "/verify-email/again", email=to).status_code == 202
    assert post(api, "/register", email=to, password="what another has").status_code == 202
    codes = [code_in(letter) for letter in letters_to(api, to, 3)]
    for code in codes[:2]:
        refused(post(api, "/verify-email", token=code), 400, "TOKEN_REFUSED")
    assert post(api, "/verify-email", token=codes[2]).status_code == 200
    person = Person(api, to)
    assert person.log_in().status_code == 200  # with the password of who came first


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.email"),
        ({"email": "x@example.org"}, "body.password"),
        ({"email": "no address", "password": PASSWORD}, "body.email"),
        ({"email": "a@b@example.org", "password": PASSWORD}, "body.email"),
        ({"email": "x@example.org\r\nBcc: y@example.org", "password": PASSWORD}, "body.email"),
        ({"email": "x@example.org\x00", "password": PASSWORD}, "body.email"),
        ({"email": "x" * 400 + "@example.org", "password": PASSWORD}, "body.email"),
        ({"email": "x@example.org", "password": "short"}, "body.password"),
        ({"email": "x@example.org", "password": "p" * 2000}, "body.password"),
        ({"email": "x@example.org", "password": PASSWORD, "name": "n" * 300}, "body.name"),
        ({"email": "x@example.org", "password": PASSWORD, "role": "admin"}, "body.role"),
        ({"email": 7, "password": PASSWORD}, "body.email"),
    ],
)
def test_a_registration_that_does_not_fit(api: Api, body: dict[str, Any], path: str) -> None:
    answer = api.stranger.post(f"{AUTH}/register", json=body)
    found = refused(answer, 422, "VALIDATION_ERROR")
    assert found["details"]["errors"][0]["path"] == path
    assert PASSWORD not in answer.text


def test_a_wrong_password_and_an_unknown_address_are_told_in_the_same_way(
    api: Api, anna: Person
) -> None:
    wrong = post(api, "/login", email=anna.email, password="not hers")
    nobody = post(api, "/login", email=address(), password="not hers")
    one, other = refused(wrong, 401, "LOGIN_REFUSED"), refused(nobody, 401, "LOGIN_REFUSED")
    assert (one["error"], one["details"]) == (other["error"], other["details"])
    assert anna.log_in().status_code == 200


def test_after_five_failures_nothing_is_tried_for_a_while(api: Api) -> None:
    person = somebody(api)
    for one in (person.email, address()):
        answers = [post(api, "/login", email=one, password="wrong") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 4 + [423] * 2
        body = refused(answers[-1], 423, "LOCKED")
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
        assert "locked_until" in body["details"]
    refused(person.log_in(), 423, "LOCKED")
    assert person.get("/auth/me").status_code == 200  # who is in stays in
    # Who owns the address gets in again.
    assert post(api, "/password/forgot", email=person.email).status_code == 202
    code = code_in(letters_to(api, person.email, 2)[-1])
    assert post(api, "/password/reset", token=code, password="another of hers").status_code == 200
    person.password = "another of hers"
    assert person.log_in().status_code == 200


def test_the_form_of_oauth_2_logs_in_too(api: Api, anna: Person) -> None:
    form = {"grant_type": "password", "username": anna.email, "password": PASSWORD}
    answer = api.stranger.post(f"{AUTH}/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    refused(
        api.stranger.post(f"{AUTH}/token", data={**form, "password": "no"}), 401, "LOGIN_REFUSED"
    )
    described = api.stranger.get("/openapi.json").json()
    flow = described["components"]["securitySchemes"]["OAuth2Password"]["flows"]["password"]
    assert flow["tokenUrl"] == "/api/v1/auth/token"


@pytest.mark.parametrize(
    ("content", "kind", "status", "path"),
    [
        (b"{}", "application/json", 415, None),
        (b"", "application/x-www-form-urlencoded", 422, "body.username"),
        (b"username=a", "application/x-www-form-urlencoded", 422, "body.password"),
        (b"username=a&password=", "application/x-www-form-urlencoded", 422, "body.password"),
        (b"username=a&username=b&password=c", "application/x-www-form-urlencoded", 422, "body"),
        (b"username=%ff&password=c", "application/x-www-form-urlencoded", 422, "body"),
        (b"\xff", "application/x-www-form-urlencoded", 422, "body"),
        (
            b"&".join(b"f%d=1" % n for n in range(50)),
            "application/x-www-form-urlencoded",
            422,
            "body",
        ),
        (
            b"grant_type=client_credentials&username=a&password=b",
            "application/x-www-form-urlencoded",
            422,
            "body.grant_type",
        ),
        (
            b"username=a&password=" + b"p" * 2000,
            "application/x-www-form-urlencoded",
            422,
            "body.password",
        ),
    ],
)
def test_a_form_that_is_none(
    api: Api, content: bytes, kind: str, status: int, path: str | None
) -> None:
    answer = api.stranger.post(f"{AUTH}/token", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    if path is not None:
        assert answer.json()["details"]["errors"][0]["path"] == path


def test_a_session_goes_on_and_a_token_that_comes_twice_ends_it(api: Api, anna: Person) -> None:
    first = anna.log_in().json()
    second = post(api, "/refresh", refresh_token=first["refresh_token"]).json()
    third = post(api, "/refresh", refresh_token=second["refresh_token"]).json()
    assert len({one["refresh_token"] for one in (first, second, third)}) == 3
    body = refused(post(api, "/refresh", refresh_token=first["refresh_token"]), 401, "SESSION_OVER")
    assert body["details"] == {"why": "reuse"}
    refused(post(api, "/refresh", refresh_token=third["refresh_token"]), 401, "SESSION_OVER")
    anna.tokens = third
    refused(anna.get("/auth/me"), 401, "SESSION_ENDED")
    anna.log_in()


@pytest.mark.parametrize("token", ["gsr_x", "\x00", "gsr_" + "a" * 16 + ".1." + "b" * 43, "ä"])
def test_what_is_no_refresh_token(api: Api, token: str) -> None:
    refused(post(api, "/refresh", refresh_token=token), 401, "SESSION_OVER")


def test_log_out_here_and_everywhere(api: Api) -> None:
    here = somebody(api)
    there = Person(api, here.email)
    there.log_in()
    assert here.post("/auth/logout").status_code == 204
    refused(here.get("/auth/me"), 401, "SESSION_ENDED")
    refused(post(api, "/refresh", refresh_token=here.tokens["refresh_token"]), 401, "SESSION_OVER")
    assert there.get("/auth/me").json()["sessions"] == 1
    here.log_in()
    assert there.post("/auth/logout-everywhere").status_code == 204
    refused(here.get("/auth/me"), 401, "SESSION_ENDED")
    refused(there.get("/auth/me"), 401, "SESSION_ENDED")


def test_another_password(api: Api) -> None:
    person = somebody(api)
    body = {"current_password": "not it", "new_password": "a new one of hers"}
    refused(person.post("/auth/password/change", json=body), 403, "LOGIN_REFUSED")
    short = {"current_password": PASSWORD, "new_password": "short"}
    refused(person.post("/auth/password/change", json=short), 422, "VALIDATION_ERROR")
    body["current_password"] = PASSWORD
    assert person.post("/auth/password/change", json=body).status_code == 204
    refused(person.get("/auth/me"), 401, "SESSION_ENDED")
    refused(person.log_in(), 401, "LOGIN_REFUSED")
    person.password = "a new one of hers"
    assert person.log_in().status_code == 200


def test_a_forgotten_password(api: Api) -> None:
    person = somebody(api)
    assert post(api, "/password/forgot", email=person.email).status_code == 202
    letter = letters_to(api, person.email, 2)[-1]
    assert "/account/reset-password#" in letter
    code = code_in(letter)
    refused(post(api, "/password/reset", token=code, password="short"), 422, "VALIDATION_ERROR")
    refused(post(api, "/password/reset", token="x", password=PASSWORD), 400, "TOKEN_REFUSED")
    assert post(api, "/password/reset", token=code, password="a third one").status_code == 200
    refused(post(api, "/password/reset", token=code, password=PASSWORD), 400, "TOKEN_REFUSED")
    refused(person.get("/auth/me"), 401, "SESSION_ENDED")
    person.password = "a third one"
    assert person.log_in().status_code == 200


def test_keys_and_the_page_are_not_their_owner(api: Api) -> None:
    for path in ("/auth/me", "/auth/logout"):
        method = "GET" if path.endswith("me") else "POST"
        refused(api.client.request(method, f"/api/v1{path}"), 403, "FORBIDDEN")
        refused(api.stranger.request(method, f"/api/v1{path}"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("page", ["verify-email", "reset-password"])
def test_the_pages_of_mail_run_nothing_but_their_own_script(api: Api, page: str) -> None:
    answer = api.stranger.get(f"/account/{page}")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert (
        f"/api/v1/auth/{'verify-email' if page == 'verify-email' else 'password/reset'}"
        in answer.text
    )
    assert api.stranger.get("/static/account.js").status_code == 200


def test_an_answer_that_hides_how_long_it_took(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "LEAST_SECONDS", 0.3)
    began = time.monotonic()
    assert post(api, "/password/forgot", email=address()).status_code == 202
    assert time.monotonic() - began >= 0.3
