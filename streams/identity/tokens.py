"""Tokens: signed ones for access, and those that a session is continued with.

An access token is a JWT (RFC 7519) under HS256. A refresh token is `gsr_<session>.<generation>.`
and an HMAC of both and of the session's seed, a random value in its row: without the row or
without the secret nobody can make one, and none of it is stored. That any generation's token can
be told from a forged one is what finds reuse.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import re
import secrets as randomness
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from streams.identity.roles import Role

ISSUER = "groundswell"
AUDIENCE = "groundswell-api"
ALGORITHM = "HS256"
ACCESS = dt.timedelta(minutes=30)
SHORTEST_SECRET = 32  # characters

_REFRESH = re.compile(r"gsr_([A-Za-z0-9]{1,40})\.([0-9]{1,9})\.([A-Za-z0-9_-]{43})")
_CLAIMS = ["iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"]


class TokenError(Exception):
    """A token that proves nothing.

    Attributes:
        code: why, for a program: `expired`, or `invalid`.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says.

    Attributes:
        expires: seconds since 1970.
    """

    user_id: str
    session_id: str
    role: Role
    expires: float


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The parts of a refresh token, which are not proved yet."""

    session_id: str
    generation: int
    proof: str


class Tokens:
    """Makes tokens and reads them.

    Args:
        secrets: that of the installation; after it those that it replaced: tokens of these are
            still read, and none is made with them.
    """

    def __init__(self, secrets: Sequence[str], *, access: dt.timedelta = ACCESS) -> None:
        for secret in secrets:
            if len(secret) < SHORTEST_SECRET:
                raise ValueError(f"a secret of tokens has at least {SHORTEST_SECRET} characters")
        self._signing = [_subkey(secret, b"groundswell access tokens") for secret in secrets]
        self._refreshing = [_subkey(secret, b"groundswell refresh tokens") for secret in secrets]
        self.access = access

    def issue(self, user_id: str, session_id: str, role: Role, at: dt.datetime) -> str:
        """An access token, good for `access` from then on."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "role": role.value,
            "iat": at,
            "exp": at + self.access,
            "jti": randomness.token_urlsafe(12),
        }
        return jwt.encode(claims, self._signing[0], algorithm=ALGORITHM)

    def read(self, token: str) -> Claims:
        """What an access token says, once its signature, issuer, audience and time are right.

        Whether its session is still open is another question.

        Raises:
            TokenError: with the code `expired` or `invalid`.
        """
        refused: jwt.InvalidTokenError | None = None
        for key in self._signing:
            try:
                said = jwt.decode(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    audience=AUDIENCE,
                    issuer=ISSUER,
                    options={"require": _CLAIMS},
                )
                return Claims(said["sub"], str(said["sid"]), Role(said["role"]), said["exp"])
            except jwt.ExpiredSignatureError:
                raise TokenError("expired", "the token has expired: refresh it") from None
            except jwt.InvalidSignatureError as error:
                refused = error
            except (jwt.InvalidTokenError, ValueError, UnicodeError) as error:
                raise TokenError("invalid", f"the token is not valid: {error}") from None
        raise TokenError("invalid", f"the token is not valid: {refused}")

    def refresh_token(self, session_id: str, generation: int, seed: bytes) -> str:
        """The refresh token of a session's generation: always the same one.

        Args:
            seed: random, from the session's row.
        """
        proof = _proof(self._refreshing[0], session_id, generation, seed)
        return f"gsr_{session_id}.{generation}.{proof}"

    def proves(self, token: RefreshToken, seed: bytes) -> bool:
        """Whether that refresh token was made here, in whichever generation it says."""
        return any(
            hmac.compare_digest(_proof(key, token.session_id, token.generation, seed), token.proof)
            for key in self._refreshing
        )


def parse_refresh_token(text: str) -> RefreshToken:
    """The parts of a refresh token.

    Raises:
        TokenError: it has not the form of one (code `invalid`).
    """
    found = _REFRESH.fullmatch(text)
    if found is None:
        raise TokenError("invalid", "this is no refresh token")
    return RefreshToken(found[1], int(found[2]), found[3])


def _proof(key: bytes, session_id: str, generation: int, seed: bytes) -> str:
    made = hmac.digest(key, f"{session_id}.{generation}.".encode() + seed, "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _subkey(secret: str, purpose: bytes) -> bytes:
    """A key for one purpose, so that no signature of one kind passes for one of another."""
    return hmac.digest(secret.encode(), purpose + b"\x01", "sha256")
