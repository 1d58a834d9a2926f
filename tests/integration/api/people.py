"""People with accounts, and the mail that they get."""

from __future__ import annotations

import email
import re
import time
import uuid
from dataclasses import dataclass, field
from email.policy import default
from pathlib import Path
from typing import Any

import httpx

from tests.integration.api.conftest import Api

PASSWORD = "three odd words of one person"
WAIT_SECONDS = 60.0


def address(name: str = "anna") -> str:
    """An e-mail address that nobody else has."""
    return f"{name}-{uuid.uuid4().hex[:12]}@example.org"


@dataclass
class Person:
    """Somebody with an account, who may be logged in."""

    api: Api
    email: str
    password: str = PASSWORD
    user_id: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    def log_in(self, **more: Any) -> httpx.Response:
        """Log in; the tokens of a success are kept."""
        body = {"email": self.email, "password": self.password, **more}
        answer = self.api.stranger.post("/api/v1/auth/login", json=body)
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """A request with the access token."""
        headers = {
            "Authorization": f"Bearer {self.tokens['access_token']}",
            **how.pop("headers", {}),
        }
        return self.api.stranger.request(method, f"/api/v1{path}", headers=headers, **how)

    def get(self, path: str, **how: Any) -> httpx.Response:
        return self.ask("GET", path, **how)

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self.ask("POST", path, **how)


def somebody(api: Api, name: str = "anna", role: str = "user") -> Person:
    """Somebody who has registered, shown the address to be theirs, and logged in."""
    person = Person(api, address(name))
    answer = api.stranger.post(
        "/api/v1/auth/register", json={"email": person.email, "password": PASSWORD, "name": name}
    )
    assert answer.status_code == 202, answer.text
    code = code_in(letters_to(api, person.email)[0])
    verified = api.stranger.post("/api/v1/auth/verify-email", json={"token": code})
    assert verified.status_code == 200, verified.text
    person.user_id = verified.json()["user_id"]
    if role != "user":
        given = api.client.put(f"/api/v1/users/{person.user_id}/role", json={"role": role})
        assert given.status_code == 200, given.text
    assert person.log_in().status_code == 200
    return person


def letters_to(api: Api, to: str, count: int = 1) -> list[str]:
    """The texts of mail to an address, oldest first, once there are so many."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = [text for text in map(_read, _files(api)) if text[0] == to]
        if len(found) >= count:
            return [text for _, text in found]
        assert time.monotonic() < deadline, f"{len(found)} of {count} letters"
        time.sleep(0.02)


def letters_in(api: Api) -> int:
    """How many letters there are."""
    return len(_files(api))


def code_in(letter: str) -> str:
    """The code that a letter has, which is in its link too."""
    code = re.search(r"^([\w-]{43})$", letter, re.MULTILINE)
    assert code is not None, letter
    assert f"#{code[1]}\n" in letter
    return code[1]


def _files(api: Api) -> list[Path]:
    return sorted((api.settings.home / "outbox").glob("*.eml"))


def _read(path: Path) -> tuple[str, str]:
    found = email.message_from_bytes(path.read_bytes(), policy=default)
    return str(found["To"]), found.get_content().replace("\r\n", "\n")
