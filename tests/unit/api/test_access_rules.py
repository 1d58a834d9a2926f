"""What the door says to whom."""

from __future__ import annotations

import asyncio

import pytest

from api.access.proving import of_key, page
from api.access.rules import ADMINISTER, OWN, PUBLISH, READ, SELF, makes
from api.errors import ApiError
from api.routes.events import OWNED
from api.security import Keys
from schemas.catalogue import GENERATION_REQUESTS, OUTLIER_GROWTH, TOPICS, VIRALITY_PREDICTIONS
from streams.identity import scopes
from streams.identity.principal import Principal, installation
from streams.identity.roles import Role
from streams.identity.tiers import Tier
from streams.identity.verifying import Denied

KEYS = Keys("the installation's", "127.0.0.1")
JOBS = makes(GENERATION_REQUESTS)


class Says:
    """A verifier that says one thing of everything."""

    def __init__(self, answer: Principal | Denied) -> None:
        self.answer = answer

    async def by_key(self, offered: str) -> Principal | Denied:
        return self.answer

    async def by_token(self, offered: str) -> Principal | Denied:
        return self.answer


def somebody(role: Role, *narrowed: str) -> Principal:
    return Principal("anna", role, Tier.FREE, frozenset(narrowed) if narrowed else None, "key:k")


@pytest.mark.parametrize(
    ("offered", "why", "status", "code"),
    [
        ("a.b.c", "expired", 401, "TOKEN_EXPIRED"),
        ("a.b.c", "ended", 401, "SESSION_ENDED"),
        ("a.b.c", "invalid", 401, "INVALID_TOKEN"),
        ("a.b.c", "something new", 401, "INVALID_TOKEN"),
        ("a.b.c", "suspended", 403, "ACCOUNT_SUSPENDED"),
        ("gsk_x_y", "invalid", 401, "INVALID_KEY"),
        ("gsk_x_y", "suspended", 403, "ACCOUNT_SUSPENDED"),
        ("the installation", "invalid", 403, "FORBIDDEN"),
        ("", "invalid", 403, "FORBIDDEN"),
    ],
)
def test_why_a_credential_is_refused(offered: str, why: str, status: int, code: str) -> None:
    verifier = Says(Denied(why, "what only the verifier knows"))
    with pytest.raises(ApiError) as refused:
        asyncio.run(of_key(offered, KEYS, verifier))
    assert (refused.value.status, refused.value.code) == (status, code)
    assert "only the verifier" not in refused.value.message
    challenge = (refused.value.headers or {}).get("WWW-Authenticate", "")
    assert ('error="invalid_token"' in challenge) == (status == 401)


def test_a_good_credential_is_whom_it_proves() -> None:
    anna = somebody(Role.USER)
    assert asyncio.run(of_key("a.b.c", KEYS, Says(anna))) is anna
    assert asyncio.run(of_key("gsk_x_y", KEYS, Says(anna))) is anna
    nobody = Says(Denied("invalid", ""))
    assert asyncio.run(of_key("the installation's", KEYS, nobody)) == installation()


def test_a_narrowed_key_is_told_the_scope_that_it_lacks() -> None:
    refused = JOBS.refusal(somebody(Role.ADMIN, scopes.READ), "POST", {}, named=False)
    assert refused is not None
    assert (refused.status, refused.code) == (403, "INSUFFICIENT_SCOPE")
    assert refused.headers is not None
    assert 'scope="publish:generation.requests.v1"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("topic", ["nothing\r\nSet-Cookie: a=b", "日本"])
def test_a_topic_that_is_none_is_not_repeated_in_a_header(topic: str) -> None:
    who = somebody(Role.ADMIN, scopes.READ)
    refused = PUBLISH.refusal(who, "POST", {"topic": topic}, named=False)
    assert refused is not None
    assert refused.headers is not None
    refused.headers["WWW-Authenticate"].encode("ascii")
    assert "\n" not in refused.headers["WWW-Authenticate"]


def test_creators_publish_facts_and_what_speaks_for_others_administrators() -> None:
    creator, admin = somebody(Role.CREATOR), somebody(Role.ADMIN)
    to_creators = {
        topic
        for topic in TOPICS
        if PUBLISH.refusal(creator, "POST", {"topic": topic}, named=False) is None
    }
    assert to_creators == {
        "video.uploads.v1",
        "engagement.events.v1",
        "youtube.channel-snapshots.v1",
        "youtube.video-snapshots.v1",
    }
    for topic in TOPICS:
        assert PUBLISH.refusal(admin, "POST", {"topic": topic}, named=False) is None
    others = {GENERATION_REQUESTS, VIRALITY_PREDICTIONS, OUTLIER_GROWTH}
    assert {TOPICS[name] for name in TOPICS.keys() - to_creators} == OWNED | others


def test_whoever_speaks_for_a_user_does_not_administer() -> None:
    assert ADMINISTER.refusal(installation(), "PUT", {}, named=False) is None
    refused = ADMINISTER.refusal(installation(), "PUT", {}, named=True)
    assert refused is not None
    assert "X-User-ID" in refused.message
    assert OWN.refusal(installation(), "GET", {}, named=True) is None


def test_the_page_reads_and_nothing_else() -> None:
    assert READ.refusal(page(), "GET", {}, named=False) is None
    assert OWN.refusal(page(), "HEAD", {}, named=False) is None
    for rule, method in ((READ, "POST"), (JOBS, "POST"), (ADMINISTER, "GET"), (SELF, "GET")):
        assert rule.refusal(page(), method, {}, named=False) is not None
