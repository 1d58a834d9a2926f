"""Mail is delivered, tried again, and never lost in silence."""

from __future__ import annotations

import email
import threading
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.mail.errors import DeliveryError
from api.mail.letters import Letters
from api.mail.outbox import Outbox
from api.mail.postman import Postman

LETTERS = Letters("Groundswell <no-reply@example.org>", "https://example.org")
TOKEN = "a-token-that-is-as-good-as-a-password"


def letter() -> EmailMessage:
    return LETTERS.verification("anna@example.org", TOKEN)


def lying_in(outbox: Outbox) -> list[Path]:
    return sorted(outbox.folder.glob("*"))


def test_without_a_server_mail_lies_in_the_outbox_and_the_log_names_the_file(
    tmp_path: Path,
) -> None:
    outbox = Outbox(tmp_path / "outbox")
    with capture_logs() as logs:
        postman = Postman(None, outbox)
        postman.send(letter())
        postman.close()
    (path,) = lying_in(outbox)
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert outbox.folder.stat().st_mode & 0o777 == 0o700
    found = email.message_from_bytes(path.read_bytes(), policy=default)
    assert found["To"] == "anna@example.org"
    assert f"https://example.org/account/verify-email#{TOKEN}" in found.get_content()
    assert [entry["path"] for entry in logs] == [str(path)]
    assert TOKEN not in str(logs)
    assert "anna" not in str(logs)


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    outbox, tries, taken = Outbox(tmp_path), [], threading.Event()

    def deliver(message: EmailMessage) -> None:
        tries.append(message["To"])
        if len(tries) < 3:
            raise DeliveryError("mail.example.org: ConnectionRefusedError", final=False)
        taken.set()

    postman = Postman(deliver, outbox, pauses=(0.0, 0.0))
    postman.send(letter())
    assert taken.wait(60)
    postman.close()
    assert tries == ["anna@example.org"] * 3
    assert lying_in(outbox) == []


@pytest.mark.parametrize(("final", "tries"), [(False, 2), (True, 1)])
def test_what_no_server_takes_goes_into_the_outbox(tmp_path: Path, final: bool, tries: int) -> None:
    tried, done = [], threading.Event()

    class Watched(Outbox):
        def put(self, message: EmailMessage) -> Path:
            path = super().put(message)
            done.set()
            return path

    def deliver(message: EmailMessage) -> None:
        tried.append(message)
        raise DeliveryError("mail.example.org answered 550", final=final)

    outbox = Watched(tmp_path)
    with capture_logs() as logs:
        postman = Postman(deliver, outbox, pauses=(0.0,))
        postman.send(letter())
        assert done.wait(60)
        postman.close()
    assert len(tried) == tries
    (path,) = lying_in(outbox)
    assert logs[-1]["path"] == str(path)
    assert logs[-1]["why"] == "mail.example.org answered 550"


def test_an_end_does_not_wait_for_a_pause_and_loses_nothing(tmp_path: Path) -> None:
    tried = threading.Event()

    def deliver(message: EmailMessage) -> None:
        tried.set()
        raise DeliveryError("mail.example.org: TimeoutError", final=False)

    outbox = Outbox(tmp_path)
    postman = Postman(deliver, outbox, pauses=(3600.0,))
    for _ in range(5):  # more than are carried at once
        postman.send(letter())
    assert tried.wait(60)
    postman.close()
    assert len(lying_in(outbox)) == 5


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    file.write_text("no folder")
    with capture_logs() as logs:
        postman = Postman(None, Outbox(file))
        postman.send(letter())
        postman.close()
    assert [entry["event"] for entry in logs] == ["mail is lost"]


def test_a_name_cannot_add_a_header() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        LETTERS.taken("anna@example.org\r\nBcc: eve@example.org")
