"""A pipeline of a test's own: topics, a feed, and workers that can be killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from confluent_kafka.admin import AdminClient

from infra.settings import Settings
from streams.columnar.hyperloglog import STANDARD_ERROR, added
from tests.chaos import pipeline as chaos
from tests.chaos.broker import Broker, broker
from tests.chaos.independent import last_rows
from tests.chaos.load import Load
from tests.integration.columnar.topics import (
    Feed,
    create,
    output_topic,
    source_topic,
)
from tests.integration.infra.waiting import until

HORIZON = 5_000  # offsets
SESSION_S = 1.5  # of a group on a broker of its own
_SAID_MOST = 10_000  # characters of a worker's log


@dataclass
class Pipeline(chaos.Pipeline):
    """A pipeline with a feed, and what a test waits for and asserts of it."""

    feed: Feed = field(kw_only=True)
    admin: AdminClient = field(kw_only=True)

    @cached_property
    def load(self) -> Load:
        """Events with everything that happens to them; see `tests.chaos.load`."""
        return Load(self.settings, self.source, videos=500)

    def wait_until_caught_up(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not self.caught_up():
            if time.monotonic() > deadline:
                logs = "\n".join(self.log(worker)[-2000:] for worker in self.workers[-2:])
                pytest.fail(f"not caught up after {seconds} s\n{logs}")
            time.sleep(0.2)

    def wait_until_ended(self, worker: chaos.Process, code: int) -> None:
        assert worker.wait(120) == code, self.log(worker)[-3000:]

    def wait_until_stopped(self, worker: chaos.Process) -> None:
        until(lambda: self.is_stopped(worker), "the worker to stop")

    def wait_until_logged(self, worker: chaos.Process, text: str, *, times: int = 1) -> None:
        until(lambda: self.log(worker).count(text) >= times, f"{text!r} in the worker's log")

    def assert_exact(self, within: float = 0.0) -> None:
        """Every row equals an independent fold of the topic: nothing lost, nothing twice.

        Args:
            within: seconds that late rows may take to be seen and written over.

        The sketch of the viewers is compared byte by byte: it is a function of the set of them.
        """
        deadline = time.monotonic() + within
        expected, verdict = self.recount()
        while verdict.wrong and time.monotonic() < deadline:
            time.sleep(0.5)
            expected, verdict = self.recount()
        assert not verdict.wrong, f"lost {verdict.lost}, doubled {verdict.doubled}: {verdict.wrong}"
        assert expected.events > 0
        output = self.output
        found = last_rows(self.settings, output.name, output.schema, output.partitions)
        for place, row in found.items():
            viewers = pl.Series(sorted(expected.viewers[place]), dtype=pl.String)
            nobody = pl.Series([b""], dtype=pl.Binary)
            sketch = added(nobody, np.zeros(len(viewers), dtype=np.int64), viewers)
            assert row["viewers"] == sketch[0]
            error = 5 * STANDARD_ERROR * len(viewers) + 1
            assert abs(row["unique_viewers"] - len(viewers)) <= error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What its workers have said goes with the report of a test that failed."""
    report = yield
    if report.failed:
        for pipeline in vars(item).get("funcargs", {}).values():
            if isinstance(pipeline, Pipeline):
                for number, worker in enumerate(pipeline.workers):
                    said = pipeline.log(worker)[-_SAID_MOST:]
                    report.sections.append((f"worker {number}", said))
    return report


@pytest.fixture
def pipeline(
    stack_settings: Settings, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    with _pipeline(stack_settings, unique, tmp_path) as pipeline:
        yield pipeline


@pytest.fixture(scope="package")
def one_broker() -> Iterator[Broker]:
    with broker() as server:
        yield server


@pytest.fixture
def own_broker(one_broker: Broker) -> Iterator[Broker]:
    """A broker that tests may strike; where one fails before it is up again, the next finds it."""
    yield one_broker
    assert one_broker.child is not None
    if one_broker.child.poll() is None:
        one_broker.resume()
    else:
        one_broker.start()


@pytest.fixture
def struck(
    own_broker: Broker,
    stack_settings: Settings,
    unique: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[Pipeline]:
    """A pipeline on that broker, whose group gives a silent member up soon."""
    settings = stack_settings.model_copy(update={"kafka_bootstrap_servers": own_broker.address})
    with _pipeline(settings, unique, tmp_path) as pipeline:
        pipeline.options["session"] = SESSION_S
        yield pipeline


@contextmanager
def _pipeline(
    settings: Settings, unique: Callable[[str], str], directory: Path
) -> Iterator[Pipeline]:
    settings = settings.model_copy(
        update={"groundswell_home": directory, "flush_seconds": 0.3, "watchdog_seconds": 30.0}
    )
    source, output = source_topic(unique("engagement")), output_topic(unique("scores"))
    create(settings, source, output)
    pipeline = Pipeline(
        settings,
        source,
        output,
        directory,
        HORIZON,
        feed=Feed(settings, source),
        admin=AdminClient({**settings.kafka_config(), "log_level": "0"}),
    )
    with chaos.ending(pipeline):
        yield pipeline
