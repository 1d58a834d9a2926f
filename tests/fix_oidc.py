"""An OpenID provider on this machine, for tests: it keeps to OpenID Connect Core 1.0 and RFC 7636,
and can be told to send one token that is wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "groundswell", "the secret of a client"
Claims = dict[str, Any]


@dataclass
class Grant:
    """What a code stands for."""

    redirect_uri: str
    nonce: str
    challenge: str
    person: Claims


@dataclass
class OidcServer:
    """The provider.

    Attributes:
        person: who is in front of the browser, as claims.
        spoil: changes the claims of the next id_token.
        sign: signs the next id_token otherwise.
        in_id_token: whether claims of the person stand in the id_token, or only at `userinfo`.
    """

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    person: Claims = field(default_factory=dict)
    spoil: Callable[[Claims], None] | None = None
    sign: Callable[[Claims], str] | None = None
    in_id_token: bool = True
    says_no: bool = False
    named: str | None = None  # another issuer than it is
    tokens_sent: int = 0
    _codes: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, Claims] = field(default_factory=dict)

    def well(self) -> None:
        """Behave again."""
        self.spoil = self.sign = self.named = None
        self.in_id_token, self.says_no = True, False

    def unsigned(self, claims: Claims) -> str:
        """A token under `alg: none`."""
        parts = [b'{"alg":"none"}', jwt_json(claims)]
        return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts) + "."

    def with_our_secret(self, claims: Claims) -> str:
        """A token under HS256, whose key the client has too."""
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))

    def with_another_key(self, claims: Claims) -> str:
        """A token whose key is not the provider's, under its name."""
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, RSAKey.generate_key(2048))

    def turn_key(self) -> None:
        """Sign with another key from now on."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})

    def application(self) -> Starlette:
        """Its addresses."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
            ]
        )

    async def _discovery(self, request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": self.named or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                # A provider that is careless enough to offer the last two.
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _jwks(self, request: Request) -> JSONResponse:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> RedirectResponse:
        asked = request.query_params
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        answer = {"state": asked["state"], "iss": self.issuer}
        if self.says_no:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = Grant(
                asked["redirect_uri"], asked["nonce"], asked["code_challenge"], dict(self.person)
            )
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> JSONResponse:
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        said = request.headers.get("authorization", "").removeprefix("Basic ")
        if base64.b64decode(said).decode() != f"{CLIENT_ID}:{CLIENT_SECRET}":
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self._codes.pop(form["code"], None)  # a code is good once
        verifier = form.get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        if (
            grant is None
            or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge
            or form["redirect_uri"] != urlencode({"": grant.redirect_uri})[1:]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims |= {"nonce": grant.nonce, "sub": grant.person["sub"]}
        claims |= grant.person if self.in_id_token else {}
        if self.spoil is not None:
            self.spoil(claims)
        sign = self.sign or self._signed
        access = secrets.token_urlsafe(16)
        self._access[access] = grant.person
        self.tokens_sent += 1
        return JSONResponse(
            {"access_token": access, "token_type": "Bearer", "id_token": sign(claims)}
        )

    async def _userinfo(self, request: Request) -> JSONResponse:
        token = request.headers["authorization"].removeprefix("Bearer ")
        return JSONResponse(self._access[token])

    def _signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


def jwt_json(claims: Claims) -> bytes:
    return json.dumps(claims).encode()


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    """The provider on a port of its own, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = OidcServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = uvicorn.Server(
            uvicorn.Config(
                provider.application(),
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the provider does not start"
            time.sleep(0.01)
        try:
            yield provider
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
