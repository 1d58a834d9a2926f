from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.webhooks.delivery import Delivery, delivery
from streams.webhooks.sending import Sender, UndeliveredError
from streams.webhooks.signing import check
from tests.unit.webhooks.receiver import receiving
from tests.unit.webhooks.test_addresses import answering

KEY = b"k" * 24
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def told(url: str) -> Delivery:
    return delivery(url, "job.completed", "j", NOW, {"job_id": "j", "title": "K\u00f6nig"})


def send(wanted: Delivery, *, private: bool = True, timeout: float = 10.0) -> int:
    async def once() -> int:
        async with Sender([KEY], private=private, timeout=timeout) as sender:
            return await sender.send(wanted)

    return asyncio.run(once())


def test_what_is_told_comes_signed_with_its_id() -> None:
    with receiving() as receiver:
        assert send(told(receiver.url)) == 204
    [got] = receiver.got
    assert got.path == "/hook?a=b"
    assert got.headers["content-type"] == "application/json"
    check([KEY], got.headers, got.body, dt.datetime.now(dt.UTC))
    assert got.headers["webhook-id"] == told("anywhere").webhook_id
    assert json.loads(got.body) == {
        "type": "job.completed",
        "timestamp": "2026-03-01T12:00:00+00:00",
        "data": {"job_id": "j", "title": "K\u00f6nig"},
    }


def test_an_id_says_what_is_told() -> None:
    ids = {
        delivery("u", kind, about, NOW, {}).webhook_id
        for kind in ("job.failed", "job.completed")
        for about in ("a", "b")
    }
    assert len(ids) == 4
    assert (
        delivery("u", "k", "a", NOW, {}).webhook_id == delivery("v", "k", "a", NOW, {}).webhook_id
    )


@pytest.mark.parametrize(
    ("status", "final"), [(500, False), (404, False), (429, False), (410, True)]
)
def test_what_is_not_taken_is_an_error(status: int, final: bool) -> None:
    with receiving() as receiver:
        receiver.statuses = [status]
        with pytest.raises(UndeliveredError, match=str(status)) as raised:
            send(told(receiver.url))
    assert raised.value.final == final


def test_a_redirection_is_not_followed() -> None:
    with receiving() as receiver, receiving() as inner:
        receiver.statuses = [307]
        receiver.location = inner.url
        with pytest.raises(UndeliveredError, match="307"):
            send(told(receiver.url))
        assert inner.got == []


def test_a_private_address_is_never_connected_to() -> None:
    with receiving() as receiver:
        with pytest.raises(UndeliveredError, match="no public address") as raised:
            send(told(receiver.url), private=False)
        assert raised.value.final
        assert receiver.got == []


def test_a_receiver_that_hangs_costs_the_time_of_a_try() -> None:
    with receiving() as receiver:
        receiver.hang = 3.0
        with pytest.raises(UndeliveredError, match=r"within 0\.3 s"):
            send(told(receiver.url), timeout=0.3)


def test_a_receiver_that_is_away_is_an_error_that_another_try_may_mend() -> None:
    with receiving() as receiver:
        url = receiver.url
    with pytest.raises(UndeliveredError, match="ConnectError") as raised:
        send(told(url))
    assert not raised.value.final


def test_an_endless_answer_is_not_read() -> None:
    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx")
            connection.settimeout(20)
            with suppress(ConnectionResetError):
                while connection.recv(65536):  # until the sender hangs up
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        assert send(told(f"http://127.0.0.1:{listener.getsockname()[1]}/"), timeout=15.0) == 200
        thread.join(60)
        assert not thread.is_alive()


def test_a_name_is_sent_along_though_the_connection_is_to_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answering(monkeypatch, "127.0.0.1")
    with receiving() as receiver:
        assert send(told(f"http://client.example:{receiver.port}/x")) == 204
    assert receiver.got[0].headers["host"] == f"client.example:{receiver.port}"
    assert asked == ["client.example"]


def test_a_certificate_is_asked_for_by_name_and_must_be_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, "127.0.0.1")
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, "client.example"))
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def greet(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(UndeliveredError, match=r"(?i)certificate"):
            send(told(f"https://client.example:{listener.getsockname()[1]}/x"))
        thread.join(60)
    assert names == ["client.example"]


def certificate(folder: Path, name: str) -> Path:
    """A certificate that its own key has signed, and the key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made: Any = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
