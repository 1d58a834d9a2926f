"""No secret of the platform, and nobody's name, stands where others can read it."""

from __future__ import annotations

import json
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import redis

from infra.settings import Settings
from tests.acceptance.conftest import PLANTED, Platform
from tests.acceptance.test_erasure import tables, whole_log
from tests.needles import Needles

# What `status --json` is asked for by the owner of the data directory (docs/cli.md): the key, and
# addresses with the servers' passwords.
_TOLD_TO_THE_OWNER = ("admin_key", "postgres", "redis")


@pytest.fixture(scope="module")
def settings(platform: Platform) -> Settings:
    return Settings(_env_file=None, groundswell_home=platform.home).resolved()


@pytest.fixture(scope="module")
def needles(platform: Platform, settings: Settings) -> Needles:
    """What was planted, what the stack made for itself, and what strangers and viewers sent."""
    mark = uuid.uuid4().hex
    secrets = {
        **PLANTED,
        "registry": PLANTED["SCHEMA_REGISTRY_BASIC_AUTH"].partition(":")[2],
        "password at login": f"password-{mark}",
        "a wrong key": f"wrong-key-{mark}",
        "viewer": f"viewer-{mark}",
        "session of the viewer": f"visit-{mark}",
    }
    for path in (platform.home / "run").iterdir():
        if path.is_file() and path.suffix not in (".json", ".pid", ".lock", ".fifo"):
            text = path.read_text(errors="replace").strip()
            if len(text) >= 16:
                secrets[f"run/{path.name}"] = text
    for name in ("database_url", "redis_url"):
        password = urlsplit(getattr(settings, name)).password
        if password:
            secrets[name] = password
    assert {"run/api_key", "run/personal_data_secret", "run/webhook_secret"} <= secrets.keys()
    return Needles(secrets)


@pytest.fixture(scope="module")
def answers(
    platform: Platform, needles: Needles, until: Callable[..., Any]
) -> list[httpx.Response]:
    """What the API says to people, to strangers, and to people who get things wrong."""
    secrets = needles.secrets
    video = uuid.uuid4().hex
    event = {
        "video_id": video,
        "channel_id": "planted",
        "viewer_id": secrets["viewer"],
        "session_id": secrets["session of the viewer"],
        "kind": "view",
    }
    who = {"email": f"{video}@example.org", "password": secrets["password at login"]}
    wrong = {"X-API-Key": secrets["a wrong key"]}
    said = [
        platform.api.post("/api/v1/events/engagement.events.v1", json=event),
        platform.api.post("/api/v1/events/engagement.events.v1", json={**event, "kind": "none"}),
        platform.api.post("/api/v1/auth/register", json=who),
        platform.api.post("/api/v1/auth/login", json=who),
        platform.api.post("/api/v1/auth/login", json={"password": [who["password"]]}),
        platform.api.post("/api/v1/auth/login", content=json.dumps(who)[:-1]),
        platform.api.post("/api/v1/providers/openai/callback", params=secrets, json={}),
        platform.api.get("/api/v1/videos/a%00b"),
    ]
    with httpx.Client(base_url=platform.api.base_url, timeout=60) as stranger:
        said += [
            stranger.get("/api/v1/totals", headers=wrong),
            stranger.get(
                "/api/v1/totals", headers={"Authorization": f"Bearer {wrong['X-API-Key']}"}
            ),
            stranger.post("/session", json={"key": secrets["a wrong key"]}),
            *map(stranger.get, ("/", "/openapi.json", "/metrics", "/health/detailed")),
        ]
    for path in ("/api/v1/system/status", "/api/v1/totals", "/api/v1/nothing"):
        said.append(platform.api.get(path))
    until(lambda: platform.api.get(f"/api/v1/virality/{video}").status_code == 200, 200)
    return said


def test_no_secret_stands_where_it_may_be_read(
    platform: Platform, settings: Settings, needles: Needles, answers: list[httpx.Response]
) -> None:
    needles.look("answer", ((str(one.url.path), _whole(one)) for one in answers))
    status = platform.status()
    told = {name: value for name, value in status.items() if name not in _TOLD_TO_THE_OWNER}
    needles.look("status", [("--json", json.dumps(told))])
    needles.look("status", [("for people", _said(platform, "status"))])
    needles.look("command", _commands(settings))
    needles.look("metrics", _metrics(status))
    needles.look("topic", whole_log(settings))
    open_files = _small_files(platform.home, besides=("data", "run"))
    needles.look("file", ((str(path), path.read_bytes()) for path in open_files))
    needles.look("table", tables(settings))
    needles.look("redis", _redis(settings))
    assert needles.seen == set()
    # Nothing is found where nothing is looked at.
    kinds = ("answer", "status", "command", "metrics", "topic", "file", "table")
    assert all(needles.looked_at[kind] > 500 for kind in kinds), needles.looked_at


def test_what_holds_a_secret_is_its_owners_alone(platform: Platform, needles: Needles) -> None:
    held = Needles({k: v for k, v in needles.secrets.items() if k.startswith("run/")})
    paths = list(_small_files(platform.home, besides=("data",)))
    held.look("file", ((str(path), path.read_bytes()) for path in paths))
    holders = {Path(place.removeprefix("file ")) for _, place in held.seen}
    assert platform.home / "run" / "api_key" in holders
    for path in holders:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE((platform.home / "run").stat().st_mode) == 0o700


def _whole(answer: httpx.Response) -> bytes:
    return answer.content + repr(answer.headers.multi_items()).encode()


def _said(platform: Platform, *arguments: str) -> str:
    done = platform.groundswell(*arguments)
    return done.stdout + done.stderr


def _commands(settings: Settings) -> Iterator[tuple[str, str]]:
    """The command lines of servers and processes, which everybody on the machine can see."""
    supervisor = psutil.Process(json.loads(settings.stack_file.read_text())["supervisor_pid"])
    for process in (supervisor, *supervisor.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            yield process.name(), " ".join(process.cmdline())


def _metrics(status: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for process in status["processes"]:
        if process.get("metrics"):
            yield process["name"], httpx.get(process["metrics"], timeout=60).content


def _redis(settings: Settings) -> Iterator[tuple[str, bytes]]:
    with redis.Redis.from_url(settings.redis_url or "") as client:
        for key in client.scan_iter(count=1000):
            yield repr(key), key + (client.dump(key) or b"")


def _small_files(home: Path, besides: tuple[str, ...]) -> Iterator[Path]:
    """Logs and the like; the servers' own data are topics and tables."""
    for path in home.rglob("*"):
        if path.relative_to(home).parts[0] not in besides and path.is_file():
            yield path
