"""What rules would have asked for, by the log as it is."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from infra.cli.app import app
from infra.provision import ProvisionError, provision
from infra.settings import Settings
from infra.supervisor.environment import as_environment
from projections.catalogue import PROJECTIONS
from projections.store import Store
from schemas.catalogue import OUTLIER_DETECTIONS, VIRALITY_SCORES
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from tests.unit.generation.policy.events import a_detection, a_score


@pytest.fixture
def settings(stack_settings: Settings, database: str) -> Settings:
    for _ in range(10):
        # Another worker of the run may be at it too, and the registry answers one of the two "409".
        with suppress(ProvisionError):
            provision(stack_settings)
            break
        time.sleep(0.3)
    return stack_settings.model_copy(update={"database_url": database})


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    with Registry(settings.registry_config()) as registry:
        yield Publisher(settings.kafka_config(), Codec(registry), source="test")


def rules(folder: Path, channel: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(
        f"""
[[rule]]
name = "teasers"
source = "detections"
per_hour = 2
when.multiple = {{ at_least = 5 }}
when.channel_id = {{ one_of = ["{channel}"] }}
request.prompt = "{{title}} at {{multiple:.0f}}x"

[[rule]]
name = "songs"
source = "scores"
when.score = {{ at_least = 90 }}
when.category = {{ one_of = ["Music"] }}
when.channel_id = {{ one_of = ["{channel}"] }}
request.prompt = "{{title}}"
"""
    )
    return path


def check(settings: Settings, *arguments: str) -> Any:
    done = CliRunner().invoke(
        app, ["policy", "check", *arguments, "--json"], env=as_environment(settings)
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_log_is_judged_and_nothing_is_asked_for(
    settings: Settings, publisher: Publisher, unique: Callable[[str], str], tmp_path: Path
) -> None:
    channel = unique("channel")
    path = rules(tmp_path, channel)
    since = dt.datetime.now(dt.UTC).isoformat()
    for n, multiple in enumerate((6.0, 4.0, 7.0, 8.0)):
        video = {"video_id": f"{channel}-{n}", "channel_id": channel}
        publisher.publish(OUTLIER_DETECTIONS, a_detection(**video, multiple=multiple))
        publisher.flush()  # so that the log received them in this order, whatever their partition
        time.sleep(0.002)
    for name, score in (("song", 95.0), ("match", 95.0), ("low", 10.0), ("unknown", 99.0)):
        video = {"video_id": f"{channel}-{name}", "channel_id": channel}
        publisher.publish(VIRALITY_SCORES, a_score(**video, score=score))
    publisher.flush()
    with closing(Store(settings.dsn, PROJECTIONS["videos"])) as store:
        store.open()
    with psycopg.connect(settings.dsn) as conn:
        for name, category in (("song", "Music"), ("match", "Sport")):
            conn.execute(
                "INSERT INTO videos (video_id, channel_id, title, published_at, observed_category)"
                " VALUES (%s, %s, %s, now(), %s)",
                [f"{channel}-{name}", channel, f"A {name}", category],
            )

    teasers, songs = check(settings, str(path), "--since", since)

    assert (teasers["rule"], songs["rule"]) == ("teasers", "songs")
    assert (teasers["videos"], teasers["would_ask"], teasers["over_cap"]) == (3, 2, 1)
    assert [request["prompt"] for request in teasers["requests"]] == [
        "My best day at 6x",
        "My best day at 7x",
    ]
    assert teasers["events"] >= 4
    assert [request["prompt"] for request in songs["requests"]] == ["A song"]
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()
    assert [one["videos"] for one in check(settings, str(path), "--since", later)] == [0, 0]
    with psycopg.connect(settings.dsn) as conn:
        ledger = conn.execute("SELECT to_regclass('policy_requests')").fetchone()
    assert ledger == (None,)


def test_without_a_time_only_the_file_is_read(tmp_path: Path) -> None:
    path = rules(tmp_path, "c")
    done = CliRunner().invoke(app, ["policy", "check", str(path)], env={"GROUNDSWELL_HOME": "none"})
    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["teasers", "detections"],
        ["songs", "scores"],
    ]
