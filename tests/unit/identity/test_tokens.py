"""Tokens prove what they say, and nothing passes for one."""

from __future__ import annotations

import base64
import datetime as dt
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.identity.roles import Role
from streams.identity.tokens import (
    RefreshToken,
    TokenError,
    Tokens,
    parse_refresh_token,
)

SECRET = "a secret of an installation, long enough"
OTHER = "the secret of another installation......"
TOKENS = Tokens([SECRET])
SEED = b"0123456789abcdef"


def issued(tokens: Tokens = TOKENS, **ago: float) -> str:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(**ago)
    return tokens.issue("usr_ada", "s1", Role.CREATOR, at)


def code(token: str, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(TokenError) as caught:
        tokens.read(token)
    assert token not in str(caught.value)
    return caught.value.code


def claims(**other: object) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(issued(), options={"verify_signature": False})
    return {name: value for name, value in {**found, **other}.items() if value is not None}


def signed(**other: object) -> str:
    return jwt.encode(claims(**other), TOKENS._signing[0], algorithm="HS256")


def test_a_token_says_whom_it_was_issued_for() -> None:
    read = TOKENS.read(issued())
    assert (read.user_id, read.session_id, read.role) == ("usr_ada", "s1", Role.CREATOR)
    assert TOKENS.read(signed()).user_id == "usr_ada"  # that the helper signs well


def test_a_token_ends_after_half_an_hour() -> None:
    assert TOKENS.read(issued(minutes=29))
    assert code(issued(minutes=31)) == "expired"
    assert code(issued(Tokens([OTHER]), minutes=31)) == "invalid"


@pytest.mark.parametrize(
    "other",
    [
        {"aud": "another-api"},
        {"iss": "another"},
        {"aud": None},
        {"sub": None},
        {"sub": 7},
        {"sid": None},
        {"role": "emperor"},
        {"exp": None},
        {"exp": "soon"},
        {"jti": None},
        {"iat": 4_000_000_000},
    ],
)
def test_a_token_with_another_claim_is_invalid(other: dict[str, object]) -> None:
    assert code(signed(**other)) == "invalid"


def test_only_one_algorithm_is_taken() -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none")
    stronger = jwt.encode(claims(), TOKENS._signing[0] * 2, algorithm="HS512")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "nOnE", "typ": "JWT"}).encode())
    _, body, _ = issued().split(".")
    odd = f"{header.decode().rstrip('=')}.{body}."
    for token in (unsigned, stronger, odd):
        assert code(token) == "invalid"


def test_a_token_of_another_secret_or_with_another_body_is_invalid() -> None:
    assert code(issued(Tokens([OTHER]))) == "invalid"
    head, _, signature = issued().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(role="admin")).encode()).decode().rstrip("=")
    assert code(f"{head}.{body}.{signature}") == "invalid"
    # The secret itself signs nothing: each kind of token has a key of its own.
    assert code(jwt.encode(claims(), SECRET, algorithm="HS256")) == "invalid"


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    assert code(text + "!") == "invalid"
    with pytest.raises(TokenError):
        parse_refresh_token(text)


def test_a_former_secret_still_reads_and_signs_no_more() -> None:
    both = Tokens([OTHER, SECRET])
    old = TOKENS.refresh_token("s1", 1, SEED)
    assert both.read(issued()).user_id == "usr_ada"
    assert code(issued(both)) == "invalid"
    assert both.proves(parse_refresh_token(old), SEED)
    assert both.refresh_token("s1", 1, SEED) != old
    assert both.read(issued(Tokens([OTHER]))).user_id == "usr_ada"


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Tokens(["short"])


def test_a_refresh_token_is_of_one_session_generation_and_seed() -> None:
    text = TOKENS.refresh_token("s1", 3, SEED)
    token = parse_refresh_token(text)
    assert (token.session_id, token.generation) == ("s1", 3)
    assert TOKENS.proves(token, SEED)
    assert TOKENS.refresh_token("s1", 3, SEED) == text
    for other in (
        RefreshToken("s1", 4, token.proof),
        RefreshToken("s2", 3, token.proof),
        RefreshToken("s1", 3, "A" * 43),
    ):
        assert not TOKENS.proves(other, SEED)
    assert not TOKENS.proves(token, SEED + b"!")
    assert not Tokens([OTHER]).proves(token, SEED)
