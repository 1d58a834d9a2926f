"""Units and cache of the Data API for Prometheus, of all processes together, read from Redis."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.outliers.youtube.cache import CacheFigures
from streams.outliers.youtube.client import YouTubeClient
from streams.outliers.youtube.errors import UnavailableError
from streams.outliers.youtube.quota import QuotaState


async def exposition(client: YouTubeClient) -> bytes:
    """The figures as Prometheus reads them; nothing while Redis is away."""
    try:
        state = await client.quota()
    except UnavailableError:
        return b""
    registry = CollectorRegistry()
    registry.register(_Collected([*_quota(state), *_cache(await client.cached())]))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _quota(state: QuotaState) -> Iterable[Metric]:
    spent = GaugeMetricFamily(
        "youtube_quota_spent_units",
        "Units of the Data API that were reserved since midnight Pacific.",
        labels=["purpose"],
    )
    left = GaugeMetricFamily(
        "youtube_quota_left_units", "Units that a purpose may still spend.", labels=["purpose"]
    )
    for purpose in state.spent:
        spent.add_metric([purpose], state.spent[purpose])
        left.add_metric([purpose], state.left[purpose])
    return spent, left


def _cache(figures: CacheFigures) -> Iterable[Metric]:
    asked = CounterMetricFamily(
        "youtube_cache_requests",
        "Channels, videos and pages that were asked for: hit, miss.",
        labels=["kind", "outcome"],
    )
    unchanged = CounterMetricFamily(
        "youtube_cache_unchanged", "Answers whose ETag was still right.", labels=["kind"]
    )
    for kind in figures.hits:
        asked.add_metric([kind, "hit"], figures.hits[kind])
        asked.add_metric([kind, "miss"], figures.misses[kind])
        unchanged.add_metric([kind], figures.unchanged[kind])
    ratio = GaugeMetricFamily("youtube_cache_hit_ratio", "Hits of all that was asked for.")
    if figures.hit_ratio is not None:
        ratio.add_metric([], figures.hit_ratio)
    return asked, unchanged, ratio
