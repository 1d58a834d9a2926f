"""docs/watching.md lists the poller's metrics as they are."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from streams.outliers.watching.metrics import PollerMetrics

PAGE = Path(__file__).parents[4] / "docs" / "watching.md"


def test_the_page_lists_every_metric() -> None:
    page = PAGE.read_text()
    metrics = [one for one in vars(PollerMetrics()).values() if isinstance(one, MetricWrapperBase)]
    assert metrics
    for metric in metrics:
        (family,) = metric.describe()
        name = f"{family.name}_total" if isinstance(metric, Counter) else family.name
        labels = ", ".join(metric._labelnames)
        assert f"| `{name}` | {family.type} | {labels} | {family.documentation} |" in page
