"""A real mail server takes the mail, over TLS where it has to be."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.mail.errors import DeliveryError
from api.mail.letters import Letters
from api.mail.smtp import SmtpServer

LETTERS = Letters("Groundswell <no-reply@example.org>", "https://example.org")
LETTER = LETTERS.reset("anna@example.org", "a-token")


class Box:
    """Keeps what it gets, or answers something else."""

    def __init__(self, answer: str = "250 OK", recipient: str | None = None) -> None:
        self.envelopes: list[Envelope] = []
        self.answer = answer
        self.recipient = recipient

    async def handle_RCPT(  # aiosmtpd's names
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient:
            return self.recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return self.answer


class OnAnyPort(Controller):
    """Looks for its first client's port once it has one."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(box: Box, **how: Any) -> Iterator[int]:
    """A server on a free port of this machine; its port."""
    controller = OnAnyPort(box, hostname="127.0.0.1", port=0, **how)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server with a certificate of its own for 127.0.0.1, and of a client that trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return server, ssl.create_default_context(cafile=str(chain))


def test_mail_arrives() -> None:
    box = Box()
    with mail_server(box) as port:
        SmtpServer.of(f"smtp://127.0.0.1:{port}").deliver(LETTER)
    (envelope,) = box.envelopes
    assert envelope.rcpt_tos == ["anna@example.org"]
    assert envelope.mail_from == "no-reply@example.org"
    assert isinstance(envelope.content, bytes)
    assert b"https://example.org/account/reset-password#a-token" in envelope.content


def test_a_password_goes_over_starttls_only(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    box, seen = Box(), []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        seen.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=data.password == b"p@ss", handled=False)

    how = {
        "tls_context": contexts[0],
        "require_starttls": True,
        "authenticator": check,
        "auth_required": True,
    }
    with mail_server(box, **how) as port:
        server = SmtpServer("127.0.0.1", port, "anna", "p@ss", False, True, contexts[1])
        server.deliver(LETTER)
        wrong = SmtpServer("127.0.0.1", port, "anna", "wrong", False, True, contexts[1])
        with pytest.raises(DeliveryError, match="refused the user or password") as refused:
            wrong.deliver(LETTER)
        assert "wrong" not in str(refused.value)
        stranger = SmtpServer("127.0.0.1", port, "anna", "p@ss", False, True)
        with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
            stranger.deliver(LETTER)
    assert seen[0] == (b"anna", b"p@ss", True)
    assert all(over_tls for *_, over_tls in seen)
    assert len(box.envelopes) == 1


def test_a_server_without_starttls_gets_nothing() -> None:
    box = Box()
    with mail_server(box) as port:
        server = SmtpServer("127.0.0.1", port, None, None, False, True)
        with pytest.raises(DeliveryError, match="STARTTLS"):
            server.deliver(LETTER)
    assert box.envelopes == []


def test_tls_from_the_first_byte(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    box = Box()
    with mail_server(box, ssl_context=contexts[0]) as port:
        SmtpServer.of(f"smtps://127.0.0.1:{port}", contexts[1]).deliver(LETTER)
    assert len(box.envelopes) == 1


@pytest.mark.parametrize(
    ("box", "final"),
    [
        (Box("451 later, anna@example.org"), False),
        (Box("554 never, anna@example.org"), True),
        (Box(recipient="550 no anna@example.org here"), True),
        (Box(recipient="450 anna@example.org is full"), False),
    ],
)
def test_a_refusal_is_final_or_not_and_names_nobody(box: Box, final: bool) -> None:
    with mail_server(box) as port, pytest.raises(DeliveryError) as refused:
        SmtpServer.of(f"smtp://127.0.0.1:{port}").deliver(LETTER)
    assert refused.value.final is final
    assert "anna" not in str(refused.value)


def test_nobody_there() -> None:
    with mail_server(Box()) as port:
        pass
    with pytest.raises(DeliveryError, match="ConnectionRefusedError") as refused:
        SmtpServer.of(f"smtp://127.0.0.1:{port}").deliver(LETTER)
    assert refused.value.final is False


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", (587, None, None, False, True)),
        ("smtp://u%40x:p%3Aw@mail.example.org:2525", (2525, "u@x", "p:w", False, True)),
        ("smtps://mail.example.org", (465, None, None, True, False)),
        ("smtp://relay:25?starttls=off", (25, None, None, False, False)),
        ("smtp://localhost:25", (25, None, None, False, False)),
    ],
)
def test_what_an_address_says(url: str, expected: tuple[Any, ...]) -> None:
    found = SmtpServer.of(url)
    assert (found.port, found.user, found.password, found.tls, found.starttls) == expected
