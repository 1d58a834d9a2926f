"""The page of metrics is the metrics, and their names keep Prometheus' conventions."""

from __future__ import annotations

import re

import pytest
from prometheus_client import Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from infra.metrics_page import PAGE, page
from streams.columnar.metrics import FoldingMetrics

METRICS = FoldingMetrics("agent", "topic")
DEFINED = [one for one in vars(METRICS).values() if isinstance(one, MetricWrapperBase)]


def test_the_page_lists_every_metric_as_it_is() -> None:
    assert PAGE.read_text() == page()


def test_every_metric_that_is_served_is_on_the_page() -> None:
    text = generate_latest(METRICS.registry).decode()
    served = {
        family.name + "_total" * (family.type == "counter")
        for family in text_string_to_metric_families(text)
        if not family.name.startswith("process_") and not family.name.endswith("_created")
    }
    listed = set(re.findall(r"^\| `(\w+)` \|", page(), re.MULTILINE))
    assert served == listed
    assert len(served) == len(DEFINED)


@pytest.mark.parametrize("metric", DEFINED, ids=lambda metric: metric._name)
def test_names_say_the_unit_and_buckets_rise(metric: MetricWrapperBase) -> None:
    (family,) = metric.describe()
    assert re.fullmatch(r"agent_[a-z_]+", family.name)
    assert not re.search(r"_(ms|millis|minutes|kb|mb)$", family.name)
    assert family.documentation.endswith(".")
    if isinstance(metric, Histogram):
        assert family.name.endswith(("_seconds", "_records"))
        bounds = metric._upper_bounds
        assert bounds == sorted(set(bounds))
