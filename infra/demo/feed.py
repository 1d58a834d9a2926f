"""The demonstration's steps once a stack runs: feed it, wait until it is folded, look at it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from infra.demo.checks import checks
from infra.demo.client import Api, DemoError
from infra.demo.expected import Expected, grown
from infra.ingest.publishing import publish_batches
from infra.settings import Settings
from infra.simulator.scenario import Scenario
from infra.simulator.stream import batches
from infra.simulator.world import World, make_world
from infra.stack_status import gather
from schemas.codec import Codec
from schemas.personal.keys import PersonKeys
from schemas.personal.sealer import Sealer
from schemas.publisher import Publisher
from schemas.registry import Registry

FOLDED_WITHIN = 180.0  # seconds
RENDERED_WITHIN = 180.0  # seconds
TEASERS = "policy:teasers"  # whom the policy's jobs belong to
TEASERS_PER_HOUR = 20  # what the policy asks for at most

_POLL = 0.5  # seconds
_STUCK = 10.0  # seconds without a change, with nothing left to read
_PROMPT = "A paper boat crosses a moonlit harbour"

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a demonstration published and found; `as_json` is its last line."""

    api: str
    published: int = 0
    scored: int = 0
    outliers: int = 0
    jobs_completed: int = 0
    seconds: float = 0.0
    checks: dict[str, bool] = field(default_factory=dict)
    urls: dict[str, int] = field(default_factory=dict)
    by_topic: dict[str, int] = field(default_factory=dict)

    @property
    def events_per_second(self) -> float:
        """From the first event published to the last one folded and served."""
        return self.published / self.seconds if self.seconds else 0.0

    @property
    def good(self) -> bool:
        """Whether everything is as it must be."""
        return bool(self.checks) and all(self.checks.values())

    def as_json(self) -> dict[str, Any]:
        """The outcome under the names that scripts read."""
        return {
            "published": self.published,
            "scored": self.scored,
            "outliers": self.outliers,
            "jobs_completed": self.jobs_completed,
            "seconds": round(self.seconds, 2),
            "events_per_second": round(self.events_per_second),
            "api": self.api,
            "checks": self.checks,
            "by_topic": self.by_topic,
            "urls": [{"url": url, "status": status} for url, status in self.urls.items()],
        }


def feed(settings: Settings, url: str, scenario: Scenario, say: Say) -> Outcome:
    """Publish a scenario to a running stack and wait until all of it is served.

    Args:
        settings: resolved.
        url: of the API.

    Raises:
        DemoError: something did not happen in time.
    """
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with Api(url, key) as api:
        return _feed(settings, api, scenario, say)


def _feed(settings: Settings, api: Api, scenario: Scenario, say: Say) -> Outcome:
    outcome = Outcome(api.url)
    before = _settled(api)
    expects_teaser = _teasers_this_hour(api) < TEASERS_PER_HOUR
    world = make_world(scenario)
    started = time.monotonic()
    names = _publish(settings, scenario, world, outcome, say)
    ours = api.post("/api/v1/jobs", {"userId": "demo", "prompt": _PROMPT})["id"]
    say(f"  asked for a video: job {ours}")
    folded, missing = _folded(settings, api, before, names)
    outcome.seconds = time.monotonic() - started
    planted = world.planted.to_dicts()
    found = _until(lambda: _detected(api, planted), FOLDED_WITHIN)
    outcome.scored = folded.get("scored_videos", 0)
    say(f"  folded and served after {outcome.seconds:.1f} s: {outcome.scored:,} videos scored")
    jobs: dict[str, str | None] = {"job": _completed(api, ours)}
    if expects_teaser and planted:
        jobs["teaser"] = _until(lambda: _teaser(api, planted), RENDERED_WITHIN)
    elif planted:
        say(f"  no teasers: the policy has asked for {TEASERS_PER_HOUR} within the hour")
    outcome.checks = {
        "totals_exact": not missing,
        **checks(api, planted, jobs),
        "lag_zero": found is not None and _until(lambda: _at_rest(settings), 60.0) is not None,
    }
    after = api.json("/api/v1/totals")
    outcome.outliers = grown(before, after, ["outlier_videos"])["outlier_videos"]
    outcome.jobs_completed = grown(before, after, ["jobs.completed"])["jobs.completed"]
    outcome.urls = api.tried
    for name, (wanted, got) in missing.items():
        say(f"  {name}: {wanted:,} expected, {got:,} served")
    if missing:
        say("  `groundswell dlq list` tells what could not be used")
    return outcome


def _publish(
    settings: Settings, scenario: Scenario, world: World, outcome: Outcome, say: Say
) -> dict[str, int]:
    """Publish everything; by how much the totals must grow."""
    expected = Expected()
    registry = Registry(settings.registry_config())
    keys = PersonKeys(settings.dsn, settings.personal_data_secrets)
    with closing(registry), keys:
        publisher = Publisher(
            settings.kafka_config(),
            Codec(registry),
            source="groundswell/simulator",
            sealer=Sealer(keys),
        )
        report = publish_batches(expected.watching(batches(scenario, world)), publisher)
    outcome.published = report.published
    outcome.by_topic = dict(report.by_topic)
    if report.rejected:
        raise DemoError(f"the simulator made a bad event: {report.first_errors[0]}")
    say(f"  published {report.published:,} events in {report.seconds:.1f} s")
    return expected.totals()


def _settled(api: Api) -> dict[str, Any]:
    """Totals once they no longer move: an earlier run may have left work behind."""
    deadline = time.monotonic() + FOLDED_WITHIN
    last = api.json("/api/v1/totals")
    while time.monotonic() < deadline:
        ready = api.get("/health/ready").status_code == 200
        time.sleep(2 * _POLL)
        totals: dict[str, Any] = api.json("/api/v1/totals")
        if ready and {**totals, "jobs": None} == {**last, "jobs": None}:
            return totals
        last = totals
    raise DemoError(
        "the stack does not come to rest; `groundswell status` tells who is behind, and "
        f"{api.url}/health/ready what is away"
    )


def _folded(
    settings: Settings, api: Api, before: dict[str, Any], wanted: dict[str, int]
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Wait for the totals; how they have grown, and what is not as expected in the end."""
    deadline = time.monotonic() + FOLDED_WITHIN
    changed, last = time.monotonic(), dict[str, int]()
    while True:
        found = grown(before, api.json("/api/v1/totals"), wanted)
        if found == wanted:
            return found, {}
        now = time.monotonic()
        if found != last:
            changed, last = now, found
        # Everybody has read everything and nothing moves: waiting longer would not help.
        stuck = now - changed > _STUCK and _at_rest(settings)
        if stuck or now > deadline:
            break
        time.sleep(_POLL)
    wrong = {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}
    return found, wrong


def _detected(api: Api, planted: list[dict[str, Any]]) -> bool | None:
    channels = {video["channel_id"]: video["video_id"] for video in planted}
    for channel, video in channels.items():
        items = api.json(f"/api/v1/outliers?channel_id={channel}&limit=500")["items"]
        if not any(item["video_id"] == video for item in items):
            return None
    return True


def _at_rest(settings: Settings) -> bool | None:
    status = gather(settings)
    lags = [one["lag_events"] for one in (*status["projections"], *status["agents"])]
    return True if lags and not any(lags) else None


def _completed(api: Api, job: str) -> str | None:
    def ended() -> str | None:
        status = api.json(f"/api/v1/jobs/{job}")["status"]
        return status if status in ("completed", "failed", "cancelled") else None

    return job if _until(ended, RENDERED_WITHIN) == "completed" else None


def _teaser(api: Api, planted: list[dict[str, Any]]) -> str | None:
    """A finished teaser of a planted outlier."""
    videos = {video["video_id"] for video in planted}
    found = api.json(f"/api/v1/jobs?userId={TEASERS}&status=completed&take=100")["jobs"]
    return next((job["id"] for job in found if job["sourceVideoId"] in videos), None)


def _teasers_this_hour(api: Api) -> int:
    jobs = api.json(f"/api/v1/jobs?userId={TEASERS}&take=100")["jobs"]
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    return sum(dt.datetime.fromisoformat(job["createdAt"]) > since for job in jobs)


def _until(look: Callable[[], T | None], seconds: float) -> T | None:
    """What `look` finds within a time, or None."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(_POLL)
