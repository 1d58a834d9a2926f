"""The first start makes an administrator, and says so to whoever started it, and to nobody else."""

from __future__ import annotations

import re

import httpx

from tests.acceptance.conftest import Platform


def told(platform: Platform, what: str) -> str:
    found = re.search(rf"^  {what} +(\S+)$", platform.first_words, re.MULTILINE)
    assert found is not None, platform.first_words
    return found[1]


def test_the_administrator_logs_in_and_the_key_administers(platform: Platform) -> None:
    login = {"email": told(platform, "e-mail"), "password": told(platform, "password")}
    with httpx.Client(base_url=str(platform.api.base_url), timeout=60) as client:
        session = client.post("/api/v1/auth/login", json=login)
        assert session.status_code == 200, session.text
        assert session.json()["role"] == "admin"
        token = {"Authorization": f"Bearer {session.json()['access_token']}"}
        for sent in (token, {"X-API-Key": told(platform, "key")}):
            assert client.get("/api/v1/users", headers=sent).status_code == 200
            assert client.get("/api/v1/jobs", headers=sent).status_code == 200


def test_neither_secret_is_in_any_file(platform: Platform) -> None:
    secrets = [told(platform, what).encode() for what in ("password", "key")]
    files = [path for path in (platform.home / "logs").iterdir() if path.is_file()]
    files += [path for path in (platform.home / "run").iterdir() if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path.name
