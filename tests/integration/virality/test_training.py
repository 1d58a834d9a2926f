"""From a simulated platform in the log to a model that serves, by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from infra.outlier_growth import serving
from infra.settings import ADDRESSES, Settings
from schemas.catalogue import ENGAGEMENT, VIDEO_SNAPSHOTS, VIDEO_UPLOADS
from streams.outliers.model.growth import Growth
from streams.virality.models.forecaster import Forecaster
from streams.virality.registry.models import DEFAULT
from streams.virality.registry.watcher import ModelWatcher
from tests.chaos.broker import broker
from tests.hot_cli import HotCli
from tests.integration.virality.conftest import provisioned

VIDEOS = 800
# So few trees of so little data are mostly doubtful: their card says so, and it is registered.
QUICK = ("--rounds", "15", "--force")

CLI = Path(sys.executable).with_name("groundswell")
Groundswell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def settings(
    stack: dict[str, Any],
    stack_settings: Settings,
    unique: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Settings]:
    """A log of this module's own: training reads the catalogue's topics, whole."""
    name = unique("training")
    home = tmp_path_factory.mktemp("training")
    with (
        broker() as kafka,
        psycopg.connect(stack["administrator_dsn"], autocommit=True) as connection,
    ):
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER groundswell").format(identifier))
        settings = stack_settings.model_copy(
            update={
                "kafka_bootstrap_servers": kafka.address,
                "database_url": str(stack_settings.database_url).rpartition("/")[0] + f"/{name}",
                "groundswell_home": home,
                "artifacts_url": (home / "artifacts").as_uri(),
            }
        )
        provisioned(settings)
        yield settings
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture(scope="module")
def environment(settings: Settings) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    addresses = {name.upper(): str(getattr(settings, name)) for name in ADDRESSES}
    own = {"GROUNDSWELL_HOME": str(settings.home), "PERSONAL_DATA_SECRET": "s" * 32}
    return {**kept, **addresses, **own}


@pytest.fixture(scope="module")
def groundswell(environment: dict[str, str]) -> Iterator[Groundswell]:
    commands = HotCli(environment)

    def run(*arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = commands.run(*arguments)
        assert (done.returncode == 0) is ok, done.stderr
        return done

    yield run
    commands.close()


@pytest.fixture(scope="module")
def trained(groundswell: Groundswell) -> dict[str, Any]:
    """An empty log is refused, a little too; then there is enough."""
    nothing = groundswell("train", "virality", ok=False)
    assert "0 videos with 0 counts give nothing to learn from" in nothing.stderr
    groundswell("simulate", "--events", "500", "--videos", "80", "--channels", "8", "--seed", "9")
    little = groundswell("train", "virality", ok=False)
    assert "too little data" in little.stderr
    assert "200 are needed" in little.stderr
    assert len(little.stderr.strip().splitlines()) == 1, little.stderr
    groundswell("simulate", "--events", "3000", "--videos", str(VIDEOS), "--channels", "60")
    done = groundswell("train", "virality", *QUICK, "--name", "first", "--no-compile", "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_model_comes_out_of_the_log_with_its_card(
    trained: dict[str, Any], settings: Settings, groundswell: Groundswell
) -> None:
    assert trained["version"].startswith("first-")
    assert trained["serving"] == DEFAULT
    after = trained["metrics"]["after"]
    assert after["ours"]["mae"] < after["baselines"]["constant velocity"]["mae"]
    assert 0.75 < after["coverage"] <= 1

    shown = json.loads(groundswell("models", "show", "first", "--json").stdout)
    assert (shown["role"], shown["as_shadow"]) == ("shadow", [])
    read = {(one["topic"], one["partition"]): one["last"] - one["first"] for one in shown["read"]}
    for topic, least in ((VIDEO_UPLOADS, VIDEOS), (VIDEO_SNAPSHOTS, VIDEOS), (ENGAGEMENT, 3000)):
        parts = [count for (name, _), count in read.items() if name == topic.name]
        assert len(parts) == topic.partitions
        assert sum(parts) >= least
    with ModelWatcher(settings) as watcher:
        assert watcher.shadow is not None
        assert watcher.shadow.version == trained["version"]
    card = settings.home / "models" / trained["version"]
    assert "constant velocity" in (card / "card.md").read_text()
    page = (card / "card.html").read_text()
    assert page.count("<svg") >= 8
    assert "<script" not in page


def test_the_same_log_gives_the_same_model(
    trained: dict[str, Any], groundswell: Groundswell, environment: dict[str, str]
) -> None:
    """In another process, whose sets have another order."""
    options = (*QUICK, "--name", "first", "--no-compile", "--json")
    again = subprocess.run(
        [CLI, "train", "virality", *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )

    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["version"] == trained["version"]
    listed = json.loads(groundswell("models", "list", "--json").stdout)
    assert [one["version"] for one in listed["models"]].count(trained["version"]) == 1


def test_it_is_promoted_on_evidence_and_rolled_back(
    trained: dict[str, Any], groundswell: Groundswell, settings: Settings
) -> None:
    with ModelWatcher(settings) as watcher:
        assert watcher.serving.version == Forecaster.default().version
        compared = json.loads(groundswell("models", "compare", "first", "--json").stdout)
        assert compared["better"]
        promoted = json.loads(groundswell("models", "promote", "first", "--json").stdout)
        assert promoted["serving"] == trained["version"]
        assert watcher.await_serving(trained["version"], 30)

        # The same data once more, with fewer trees: it is worse than simple rules are.
        again = ("train", "virality", "--rounds", "2", "--name", "worse", "--promote", "--json")
        refused = groundswell(*again, "--no-compile", ok=False)
        assert "is not registered: before publication" in refused.stderr
        assert "--force" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
        # By force it is registered, and serves only by force.
        done = groundswell(*again, "--no-compile", "--force")
        worse = json.loads(done.stdout)
        assert worse["promotion"] == "refused"
        assert "not promoted" in done.stderr
        assert worse["serving"] == trained["version"]
        shown = json.loads(groundswell("models", "show", "worse", "--json").stdout)
        assert any("no better than" in doubt for doubt in shown["doubts"])
        groundswell("models", "promote", "worse", "--force", "--reason", "to see it fail")
        assert watcher.await_serving(worse["version"], 30)

        groundswell("models", "rollback", "--reason", "seen")
        assert watcher.await_serving(trained["version"], 30)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "virality", "--since", "2031-01-01"), "give nothing to learn from"),
        (("train", "virality", "--since", "soon"), "is no time"),
        (("train", "virality", "--name", "../up"), "make a name"),
        (("models", "show", "nobody"), "no model is called"),
        (("models", "shadow", "nobody"), "no model is called"),
        (("train", "default", "/nowhere", "/tmp/out"), "has no trending_videos.parquet"),
    ],
)
def test_wrong_use_is_answered_in_words(
    trained: dict[str, Any], groundswell: Groundswell, arguments: tuple[str, ...], said: str
) -> None:
    done = groundswell(*arguments, ok=False)

    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_is_not_compared_with_itself(
    trained: dict[str, Any], groundswell: Groundswell
) -> None:
    serving = json.loads(groundswell("models", "list", "--json").stdout)["serving"]

    done = groundswell("models", "compare", serving, ok=False)

    assert "nothing to compare" in done.stderr
    assert "Traceback" not in done.stderr


def test_outlier_curves_come_out_of_the_same_log_and_serve(
    trained: dict[str, Any], groundswell: Groundswell, settings: Settings
) -> None:
    early = groundswell("train", "outliers", "--since", "2031-01-01", ok=False)
    assert "nothing to learn from" in early.stderr
    assert len(early.stderr.strip().splitlines()) == 1, early.stderr

    kept = json.loads(groundswell("train", "outliers", "--no-publish", "--json").stdout)
    assert not kept["published"]
    assert serving(settings).version == Growth.default().version

    done = json.loads(groundswell("train", "outliers", "--json").stdout)
    assert done["published"]
    assert done["growth"] == kept["growth"]  # the same log, the same curves
    assert serving(settings).version == done["growth"]
    assert set(done["learned_from"]["offsets"]) == {
        str(one) for one in range(VIDEO_SNAPSHOTS.partitions)
    }
    learned, shipped = done["evaluation"]["learned"], done["evaluation"]["shipped"]
    assert learned["log score"] > shipped["log score"]
    assert learned["growth"]["mean absolute error"] < shipped["growth"]["mean absolute error"]

    # They serve now: learned again they are no better than themselves.
    again = groundswell("train", "outliers")
    assert "not published: what serves describes" in again.stderr
    assert "learned from" in again.stdout
