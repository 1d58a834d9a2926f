"""Users and keys, as administrators and owners see them; the second factor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pyotp
import pytest

from api import steady
from tests.integration.api.conftest import KEY, Api
from tests.integration.api.people import PASSWORD, Person, somebody

USERS, KEYS = "/api/v1/users", "/api/v1/keys"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "LEAST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def boss(api: Api) -> Iterator[Person]:
    """An administrator."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steady, "LEAST_SECONDS", 0.0)
        yield somebody(api, "boss", "admin")


@pytest.fixture(scope="module")
def creator(api: Api) -> Iterator[Person]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steady, "LEAST_SECONDS", 0.0)
        yield somebody(api, "creator", "creator")


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["error_code"] == code
    return body


def with_key(api: Api, key: str, path: str) -> httpx.Response:
    return api.stranger.get(path, headers={"X-API-Key": key})


# -- users


def test_administrators_see_every_user_page_by_page(
    api: Api, boss: Person, creator: Person
) -> None:
    known = {boss.user_id, creator.user_id, somebody(api).user_id}
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = boss.get("/users", params={"limit": 2, **more}).json()
        assert len(page["items"]) <= 2
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    ids = [one["user_id"] for one in seen]
    assert len(ids) == len(set(ids)) == page["total"]
    assert known <= set(ids)
    times = [one["created_at"] for one in seen]
    assert times == sorted(times, reverse=True)
    found = next(one for one in seen if one["user_id"] == creator.user_id)
    assert (found["email"], found["role"], found["tier"]) == (creator.email, "creator", "free")
    only = boss.get("/users", params={"role": "creator"}).json()["items"]
    assert {one["role"] for one in only} == {"creator"}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1000},
        {"role": "emperor"},
        {"suspended": "perhaps"},
    ],
)
def test_a_page_that_there_is_not(api: Api, query: dict[str, Any]) -> None:
    refused(api.client.get(USERS, params=query), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("cursor", ["x", "WyJub3QgYSB0aW1lIiwgInVzcl94Il0"])
def test_a_cursor_of_no_page(api: Api, cursor: str) -> None:
    refused(api.client.get(USERS, params={"cursor": cursor}), 400, "UNKNOWN_CURSOR")


def test_nobody_else_sees_users(api: Api, creator: Person) -> None:
    for path in (USERS, f"{USERS}/{creator.user_id}", f"{USERS}/{creator.user_id}/events"):
        refused(creator.get(path.removeprefix("/api/v1")), 403, "FORBIDDEN")
        refused(api.stranger.get(path), 401, "UNAUTHORIZED")
    wish = {"role": "admin"}
    refused(creator.ask("PUT", f"/users/{creator.user_id}/role", json=wish), 403, "FORBIDDEN")


def test_a_role_and_a_tier(api: Api, boss: Person) -> None:
    person = somebody(api)
    given = boss.ask("PUT", f"/users/{person.user_id}/role", json={"role": "moderator"})
    assert given.json()["role"] == "moderator"
    refused(person.get("/auth/me"), 401, "SESSION_ENDED")  # its token said another role
    given = boss.ask("PUT", f"/users/{person.user_id}/tier", json={"tier": "pro"})
    assert given.json()["tier"] == "pro"
    assert boss.get(f"/users/{person.user_id}").json()["tier"] == "pro"
    wrong = boss.ask("PUT", f"/users/{person.user_id}/role", json={"role": "emperor"})
    refused(wrong, 422, "VALIDATION_ERROR")
    wrong = boss.ask("PUT", f"/users/{person.user_id}/tier", json={})
    refused(wrong, 422, "VALIDATION_ERROR")
    own = boss.ask("PUT", f"/users/{boss.user_id}/role", json={"role": "user"})
    refused(own, 403, "OWN_ACCOUNT")


def test_a_user_who_does_not_exist(boss: Person) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/events", None),
        ("PUT", "/role", {"role": "user"}),
        ("PUT", "/tier", {"tier": "pro"}),
        ("POST", "/suspend", {"reason": "none"}),
        ("POST", "/reinstate", None),
    ):
        answer = boss.ask(method, f"/users/usr_nobody{path}", json=body)
        refused(answer, 404, "NOT_FOUND")
    refused(boss.get("/users/usr_%00"), 400, "VALIDATION_ERROR")


def test_a_suspended_user_is_out_until_reinstated(api: Api, boss: Person) -> None:
    person = somebody(api)
    issued = person.post("/keys", json={"name": "reads", "scopes": ["read:projection"]}).json()
    refused(boss.post(f"/users/{person.user_id}/suspend", json={}), 422, "VALIDATION_ERROR")
    done = boss.post(f"/users/{person.user_id}/suspend", json={"reason": "spam"})
    assert done.json()["suspended"] is True
    assert person.get("/auth/me").status_code in (401, 403)
    assert with_key(api, issued["key"], "/api/v1/totals").status_code == 403
    refused(person.log_in(), 401, "LOGIN_REFUSED")
    assert boss.post(f"/users/{person.user_id}/reinstate").json()["suspended"] is False
    assert person.log_in().status_code == 200
    assert with_key(api, issued["key"], "/api/v1/totals").status_code == 200
    refused(boss.post(f"/users/{boss.user_id}/suspend", json={"reason": "x"}), 403, "OWN_ACCOUNT")


def test_the_trail_tells_what_happened_and_who_did_it(api: Api, boss: Person) -> None:
    person = somebody(api, "trail")
    Person(api, person.email, "wrong").log_in()
    boss.ask("PUT", f"/users/{person.user_id}/tier", json={"tier": "pro"})
    boss.post(f"/users/{person.user_id}/suspend", json={"reason": "because"})
    answer = boss.get(f"/users/{person.user_id}/events").json()
    types = [one["type"] for one in answer["events"]]
    assert types == [
        "SessionsEnded",
        "Suspended",
        "TierChanged",
        "LoginFailed",
        "LoggedIn",
        "EmailVerified",
        "UserRegistered",
    ]
    assert [one["version"] for one in answer["events"]] == [7, 6, 5, 4, 3, 2, 1]
    by_type = {one["type"]: one["facts"] for one in answer["events"]}
    assert by_type["Suspended"] == {"reason": "because", "by": boss.user_id}
    assert by_type["UserRegistered"]["email"] == person.email
    pages = []
    before: int | None = None
    while True:
        more = {} if before is None else {"before": before}
        page = boss.get(f"/users/{person.user_id}/events", params={"limit": 3, **more}).json()
        pages.append([one["version"] for one in page["events"]])
        before = page["next_before"]
        if before is None:
            break
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]
    wrong = boss.get(f"/users/{person.user_id}/events", params={"before": 0})
    refused(wrong, 422, "VALIDATION_ERROR")


# -- keys


def test_a_key_is_shown_once_works_and_can_be_revoked(api: Api, creator: Person) -> None:
    wish = {"name": "Zoë's producer", "scopes": ["read:projection", "publish:video.uploads.v1"]}
    answer = creator.post("/keys", json=wish)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    issued = answer.json()
    assert issued["key"].startswith(f"gsk_{issued['key_id']}_")
    listed = creator.get("/keys")
    assert issued["key"] not in listed.text
    [key] = [one for one in listed.json()["keys"] if one["key_id"] == issued["key_id"]]
    assert (key["name"], key["scopes"], key["tier"]) == (wish["name"], sorted(wish["scopes"]), None)
    assert with_key(api, issued["key"], "/api/v1/totals").status_code == 200
    as_bearer = {"Authorization": f"Bearer {issued['key']}"}
    assert api.stranger.get("/api/v1/totals", headers=as_bearer).status_code == 200
    deadline = time.monotonic() + 60
    while creator.get("/keys").json()["keys"][-1]["last_used"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert creator.ask("DELETE", f"/keys/{issued['key_id']}").status_code == 204
    refused(creator.ask("DELETE", f"/keys/{issued['key_id']}"), 404, "NOT_FOUND")
    assert with_key(api, issued["key"], "/api/v1/totals").status_code == 401
    assert issued["key_id"] not in creator.get("/keys").text


def test_a_key_never_exceeds_its_owner(api: Api, creator: Person) -> None:
    wish = {"name": "too much", "scopes": ["admin"]}
    refused(creator.post("/keys", json=wish), 403, "SCOPE_ABOVE_ROLE")
    wish = {"name": "too fast", "scopes": ["read:projection"], "tier": "enterprise"}
    refused(creator.post("/keys", json=wish), 403, "TIER_ABOVE_OWNER")
    named = {"X-User-ID": somebody(api).user_id}
    wish = {"name": "for another", "scopes": ["read:projection"]}
    refused(creator.post("/keys", json=wish, headers=named), 403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ({}, "body.name"),
        ({"name": "", "scopes": ["admin"]}, "body.name"),
        ({"name": "n" * 201, "scopes": ["admin"]}, "body.name"),
        ({"name": "n", "scopes": []}, "body.scopes"),
        ({"name": "n", "scopes": ["everything"]}, "body.scopes"),
        ({"name": "n", "scopes": ["publish:"]}, "body.scopes"),
        ({"name": "n", "scopes": ["admin"] * 51}, "body.scopes"),
        ({"name": "n", "scopes": "admin"}, "body.scopes"),
        ({"name": "n", "scopes": ["admin"], "tier": "gold"}, "body.tier"),
        ({"name": "n", "scopes": ["admin"], "secret": "mine"}, "body.secret"),
    ],
)
def test_a_key_that_cannot_be(creator: Person, wish: dict[str, Any], path: str) -> None:
    body = refused(creator.post("/keys", json=wish), 422, "VALIDATION_ERROR")
    assert body["details"]["errors"][0]["path"] == path


def test_others_keys_are_an_administrator_s_business_alone(
    api: Api, boss: Person, creator: Person
) -> None:
    wish = {"name": "made for them", "scopes": ["read:projection"]}
    named = {"X-User-ID": creator.user_id}
    issued = boss.post("/keys", json=wish, headers=named).json()
    assert issued["key_id"] in creator.get("/keys").text
    assert issued["key_id"] in boss.get("/keys", headers=named).text
    assert issued["key_id"] not in boss.get("/keys").text
    stranger = somebody(api)
    refused(stranger.ask("DELETE", f"/keys/{issued['key_id']}"), 404, "NOT_FOUND")
    refused(with_key(api, issued["key"], KEYS), 403, "INSUFFICIENT_SCOPE")
    assert boss.ask("DELETE", f"/keys/{issued['key_id']}").status_code == 204
    # The installation's own key belongs to nobody.
    refused(api.client.post(KEYS, json=wish), 422, "VALIDATION_ERROR")
    unknown = api.client.post(KEYS, json=wish, headers={"X-User-ID": "usr_nobody"})
    refused(unknown, 404, "NOT_FOUND")
    issued = api.client.post(KEYS, json=wish, headers=named).json()
    headers = {"X-API-Key": KEY}
    gone = api.stranger.delete(f"{KEYS}/{issued['key_id']}", headers=headers)
    assert gone.status_code == 204


# -- the second factor


def test_a_second_factor_from_its_offer_to_its_end(api: Api) -> None:
    person = somebody(api)
    refused(person.post("/auth/2fa/confirm", json={"code": "123456"}), 409, "NOTHING_OFFERED")
    offer = person.post("/auth/2fa/setup").json()
    assert offer["uri"].startswith("otpauth://totp/Groundswell:")
    totp = pyotp.TOTP(offer["secret"])
    wrong = f"{(int(totp.now()) + 1) % 1_000_000:06d}"
    refused(person.post("/auth/2fa/confirm", json={"code": "abc"}), 422, "VALIDATION_ERROR")
    refused(person.post("/auth/2fa/confirm", json={"code": wrong}), 403, "LOGIN_REFUSED")
    assert person.log_in().status_code == 200  # nothing is on yet
    # The code of a period is good once: each use below has one of its own.
    at = time.time()
    confirmed = person.post("/auth/2fa/confirm", json={"code": totp.at(at - 30)})
    assert confirmed.status_code == 200, confirmed.text
    codes = confirmed.json()["backup_codes"]
    assert len(set(codes)) == len(codes) >= 8
    me = person.get("/auth/me").json()
    assert (me["two_factor"], me["backup_codes_left"]) == (True, len(codes))
    refused(person.post("/auth/2fa/setup"), 409, "TWO_FACTOR_ON")
    refused(person.log_in(), 401, "TWO_FACTOR_NEEDED")
    refused(Person(api, person.email, "wrong").log_in(), 401, "LOGIN_REFUSED")
    code = totp.at(at)
    assert person.log_in(code=code).status_code == 200
    refused(person.log_in(code=code), 401, "LOGIN_REFUSED")
    form = {"username": person.email, "password": PASSWORD, "code": codes[0]}
    assert api.stranger.post("/api/v1/auth/token", data=form).status_code == 200
    refused(person.log_in(code=codes[0]), 401, "LOGIN_REFUSED")
    proof = {"password": "wrong", "code": codes[1]}
    refused(person.post("/auth/2fa/backup-codes", json=proof), 403, "LOGIN_REFUSED")
    proof["password"] = PASSWORD
    renewed = person.post("/auth/2fa/backup-codes", json=proof)
    assert renewed.status_code == 200, renewed.text
    fresh = renewed.json()["backup_codes"]
    assert not set(fresh) & set(codes)
    refused(person.log_in(code=codes[2]), 401, "LOGIN_REFUSED")
    off = {"password": PASSWORD, "code": codes[3]}
    refused(person.post("/auth/2fa/disable", json=off), 403, "LOGIN_REFUSED")
    off["code"] = fresh[0]
    assert person.post("/auth/2fa/disable", json=off).status_code == 204
    assert person.log_in().status_code == 200
    refused(person.post("/auth/2fa/disable", json=off), 409, "TWO_FACTOR_OFF")
