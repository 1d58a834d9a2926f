"""Registering, promoting and watching, on real Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from infra.settings import Settings
from schemas.catalogue import VIRALITY_MODELS
from schemas.topic import Topic
from streams.virality.models.bundle import MANIFEST, BundleError
from streams.virality.models.forecaster import Forecaster
from streams.virality.registry.comparison import Comparison
from streams.virality.registry.desk import NotBetterError, PoorModelError, RegistryDesk
from streams.virality.registry.models import DEFAULT, RegistryError
from streams.virality.registry.store import DamagedModelError
from streams.virality.registry.watcher import ModelWatcher
from tests.integration.columnar.topics import create
from tests.unit.virality.bundles import saved
from tests.unit.virality.moments import frame, moment

PATIENCE = 30.0  # seconds; it takes less than one

BETTER = Comparison(100, 200, 0.1, 0.2, -0.1, -0.12, -0.08)
WORSE = Comparison(100, 200, 0.2, 0.1, 0.1, 0.08, 0.12)
FEW = Comparison(7, 7, 0.1, 0.2, -0.1, -0.12, -0.08)


@pytest.fixture
def topic(stack_settings: Settings, unique: Callable[[str], str]) -> Topic:
    topic = replace(VIRALITY_MODELS, name=unique("models"), events=VIRALITY_MODELS.name)
    create(stack_settings, topic)
    return topic


@pytest.fixture
def settings(stack_settings: Settings, tmp_path: Path) -> Settings:
    """The servers, with a data directory and an artifact store of the test's own."""
    return stack_settings.model_copy(
        update={
            "groundswell_home": tmp_path / "home",
            "artifacts_url": (tmp_path / "store").as_uri(),
        }
    )


@pytest.fixture
def desk(settings: Settings, topic: Topic) -> Iterator[RegistryDesk]:
    with RegistryDesk(settings, topic) as desk:
        yield desk


@pytest.fixture
def watcher(settings: Settings, topic: Topic, tmp_path: Path) -> Iterator[ModelWatcher]:
    """As on another machine: it shares the log and the store, not the data directory."""
    other = settings.model_copy(update={"groundswell_home": tmp_path / "elsewhere"})
    with ModelWatcher(other, topic) as watcher:
        yield watcher


STAGE = {"mae": 0.2, "coverage": 0.9, "baselines": {"rule": 0.3}}
METRICS = {"before": STAGE, "after": STAGE}


def register(desk: RegistryDesk, folder: Path, *, shadow: bool = False, **levels: float) -> str:
    saved(folder, **levels)
    return desk.register(folder, {"metrics": METRICS}, shadow=shadow).version


def said(model: Forecaster) -> float:
    views = model.forecast(frame(moment()))["predicted_views_24h"].item()
    assert isinstance(views, float)
    return views


def test_a_running_process_takes_a_promotion_and_a_rollback(
    desk: RegistryDesk, watcher: ModelWatcher, tmp_path: Path
) -> None:
    assert watcher.serving.version == Forecaster.default().version
    one = register(desk, tmp_path / "one", before=3.0)
    two = register(desk, tmp_path / "two", before=5.0)

    desk.promote(one, BETTER)
    assert watcher.await_serving(one, PATIENCE)
    assert said(watcher.serving) == pytest.approx(999)

    desk.promote(two, BETTER)
    assert watcher.await_serving(two, PATIENCE)
    assert said(watcher.serving) == pytest.approx(99_999)

    assert desk.roll_back("it was wrong").serving == one
    assert watcher.await_serving(one, PATIENCE)
    assert said(watcher.serving) == pytest.approx(999)
    assert desk.roll_back().serving == DEFAULT
    assert watcher.await_serving(DEFAULT, PATIENCE)
    with pytest.raises(RegistryError, match="nothing to roll back"):
        desk.roll_back()


def test_who_comes_later_finds_what_serves(
    desk: RegistryDesk, settings: Settings, topic: Topic, tmp_path: Path
) -> None:
    one = register(desk, tmp_path / "one")
    desk.promote(one, None, force=True, reason="the first of its kind")
    other = settings.model_copy(update={"groundswell_home": tmp_path / "elsewhere"})

    with ModelWatcher(other, topic) as watcher:
        assert watcher.serving.version == one
        assert watcher.models.history[0].forced
        assert watcher.models.history[0].reason == "the first of its kind"
        assert watcher.models.registered[one].metrics == METRICS


def test_a_shadow_comes_and_goes(desk: RegistryDesk, watcher: ModelWatcher, tmp_path: Path) -> None:
    one = register(desk, tmp_path / "one", shadow=True)
    assert watcher.await_shadow(one, PATIENCE)
    assert watcher.serving.version == Forecaster.default().version

    desk.shadow(one, on=False)
    assert watcher.await_shadow(None, PATIENCE)

    desk.shadow(one, on=True)
    assert watcher.await_shadow(one, PATIENCE)
    desk.promote(one, BETTER)
    assert watcher.await_shadow(None, PATIENCE)
    assert watcher.serving.version == one
    with pytest.raises(RegistryError, match="its own shadow"):
        desk.shadow(one, on=True)


@pytest.mark.parametrize("comparison", [WORSE, FEW, None], ids=["worse", "few", "none"])
def test_a_promotion_without_evidence_is_refused_unless_it_is_forced_with_a_reason(
    desk: RegistryDesk, tmp_path: Path, comparison: Comparison | None
) -> None:
    one = register(desk, tmp_path / "one")

    with pytest.raises(NotBetterError):
        desk.promote(one, comparison)
    with pytest.raises(RegistryError, match="say why"):
        desk.promote(one, comparison, force=True)
    assert desk.models().serving == DEFAULT
    assert desk.promote(one, comparison, force=True, reason="to try").serving == one
    with pytest.raises(RegistryError, match="serves already"):
        desk.promote(one, BETTER)


def test_a_model_that_was_changed_in_the_store_is_refused_and_the_one_before_goes_on(
    desk: RegistryDesk, watcher: ModelWatcher, tmp_path: Path
) -> None:
    one = register(desk, tmp_path / "one", before=3.0)
    two = register(desk, tmp_path / "two", before=5.0)
    desk.promote(one, BETTER)
    assert watcher.await_serving(one, PATIENCE)
    stored = tmp_path / "store" / "models" / "virality" / two
    content = (stored / MANIFEST).read_bytes()
    (stored / MANIFEST).write_bytes(content.replace(b'"overall": 5.0', b'"overall": 6.0'))

    desk.promote(two, BETTER)

    assert watcher.await_refused(two, PATIENCE)
    assert "somebody changed it" in watcher.refused[two]
    assert watcher.serving.version == one
    assert said(watcher.serving) == pytest.approx(999)
    # Once it is as it was registered, it is taken without anybody's doing.
    (stored / MANIFEST).write_bytes(content)
    assert watcher.await_serving(two, PATIENCE)


def test_a_model_whose_files_are_gone_is_refused(
    desk: RegistryDesk, watcher: ModelWatcher, tmp_path: Path
) -> None:
    one = register(desk, tmp_path / "one")
    (tmp_path / "store" / "models" / "virality" / one / MANIFEST).unlink()
    desk.promote(one, BETTER)

    assert watcher.await_refused(one, PATIENCE)
    assert watcher.serving.version == Forecaster.default().version
    with pytest.raises(DamagedModelError, match="no artifact is called"):
        desk.forecaster(one)


def test_a_bundle_that_cannot_be_used_is_not_registered(desk: RegistryDesk, tmp_path: Path) -> None:
    saved(tmp_path / "one")
    (tmp_path / "one" / "after-low-0.txt.gz").write_bytes(b"")

    with pytest.raises(BundleError):
        desk.register(tmp_path / "one", {}, shadow=True)
    assert desk.models().registered == {}


def test_a_model_that_is_worse_than_a_rule_is_registered_by_force_alone(
    desk: RegistryDesk, tmp_path: Path
) -> None:
    saved(tmp_path / "one")
    facts = {"metrics": {**METRICS, "after": {**STAGE, "mae": 0.31}}}

    with pytest.raises(PoorModelError, match=r"after publication.*0\.3100.*'rule'"):
        desk.register(tmp_path / "one", facts, shadow=True)
    assert desk.models().registered == {}
    assert not list((tmp_path / "store").rglob(MANIFEST))
    version = desk.register(tmp_path / "one", facts, shadow=True, force=True).version
    [doubt] = desk.models().registered[version].doubts
    assert "no better than" in doubt


def test_a_record_that_nobody_can_read_takes_nothing_away(
    desk: RegistryDesk, watcher: ModelWatcher, settings: Settings, topic: Topic, tmp_path: Path
) -> None:
    producer: Any = Producer(settings.kafka_config())
    for value in (b"", b"noise", b"\x00\x00\x00\x00\x01noise", None):
        producer.produce(topic.name, value, b"virality")
    producer.flush()
    one = register(desk, tmp_path / "one")
    desk.promote(one, BETTER)

    assert watcher.await_serving(one, PATIENCE)


def test_a_promotion_of_what_was_never_registered_is_refused(
    desk: RegistryDesk, watcher: ModelWatcher
) -> None:
    from streams.virality.registry import events

    desk._append(events.promoted("../../etc", replaces=DEFAULT, reason=""))

    assert watcher.await_refused("../../etc", PATIENCE)
    assert watcher.serving.version == Forecaster.default().version


def test_without_kafka_the_default_serves(settings: Settings, topic: Topic) -> None:
    away = settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    watcher = ModelWatcher(away, topic)
    watcher.start(seconds=0.5)
    try:
        assert watcher.serving.version == Forecaster.default().version
    finally:
        watcher.close()
