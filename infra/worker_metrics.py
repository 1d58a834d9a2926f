"""What the workers of a stack measure, read where they serve it and summed up by agent."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_ANSWERS_WITHIN = 1.0  # seconds; a worker answers in a few milliseconds, also at full load

Samples = Mapping[str, list[Sample]]


@dataclass(frozen=True)
class Scrape:
    """The answers of some workers at one moment.

    Attributes:
        at: of the monotonic clock.
        samples: by URL, then by name; None for a worker that did not answer.
    """

    at: float
    samples: Mapping[str, Samples | None]


def scrape(urls: Iterable[str]) -> Scrape:
    """Ask workers, all at once."""
    wanted = list(urls)
    with ThreadPoolExecutor(max(1, len(wanted))) as threads:
        return Scrape(monotonic(), dict(zip(wanted, threads.map(_ask, wanted), strict=True)))


def figures(before: Scrape, after: Scrape, urls: Iterable[str]) -> dict[str, Any]:
    """The figures of an agent: all its workers together.

    Times and sizes of chunks are those since the workers began; `events_per_second` is the rate
    between the scrapes. What nobody tells is None.

    Args:
        urls: of the agent's workers.
    """
    wanted = list(urls)
    answers = [found for url in wanted if (found := after.samples.get(url)) is not None]
    now = _Sums(answers)
    return {
        "up": len(answers) == len(wanted) if wanted else None,
        "events_per_second": _rate(before, after, wanted),
        "chunk_records": now.quantiles("agent_chunk_records"),
        "decode_seconds": now.quantiles("agent_decode_seconds"),
        "fold_seconds": now.quantiles("agent_fold_seconds"),
        "flush_seconds": now.quantiles("agent_flush_seconds"),
        "rows_flushed": now.count("agent_flushed_rows_total"),
        "rows_repaired": now.count("agent_repaired_rows_total"),
        "dirty_rows": now.count("agent_dirty_rows"),
        "keys": now.count("agent_keys"),
        "parked_keys": now.count("agent_parked_keys"),
        "dead_letters": now.count("agent_dead_letters_total"),
        "last_restore_seconds": now.most("agent_last_restore_seconds"),
        "rss_bytes": now.count("process_resident_memory_bytes"),
    }


class _Sums:
    """Samples of several workers, and of all topics and partitions, together."""

    def __init__(self, answers: Iterable[Samples]) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)
        self._buckets: defaultdict[str, defaultdict[float, float]] = defaultdict(
            lambda: defaultdict(float)
        )
        for samples in answers:
            for name, found in samples.items():
                for sample in found:
                    if "le" in sample.labels:
                        self._buckets[name][float(sample.labels["le"])] += sample.value
                    else:
                        self._values[name].append(sample.value)

    def total(self, name: str) -> float | None:
        values = self._values.get(name)
        return sum(values) if values else None

    def count(self, name: str) -> int | None:
        total = self.total(name)
        return None if total is None else round(total)

    def most(self, name: str) -> float | None:
        values = self._values.get(name)
        return round(max(values), 6) if values else None

    def quantiles(self, name: str) -> dict[str, float] | None:
        """Mean, median and 99th percentile of a histogram; None while it is empty."""
        count, total = self.total(f"{name}_count"), self.total(f"{name}_sum")
        if not count or total is None:
            return None
        buckets = sorted(self._buckets[f"{name}_bucket"].items())
        return {
            "mean": round(total / count, 6),
            "p50": round(quantile(buckets, 0.5), 6),
            "p99": round(quantile(buckets, 0.99), 6),
        }


def quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """A quantile of a histogram, as Prometheus' `histogram_quantile` estimates it.

    Within its bucket it is interpolated; beyond the last finite bound it is that bound.

    Args:
        buckets: upper bound and cumulated count, rising; the last bound is infinite and its count
            not zero.
    """
    rank = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    raise ValueError("an empty histogram has no quantiles")


def _rate(before: Scrape, after: Scrape, urls: list[str]) -> float | None:
    """Records a second, of the workers that answered twice and did not begin anew in between."""
    grown = []
    for url in urls:
        earlier, later = before.samples.get(url), after.samples.get(url)
        if earlier is not None and later is not None:
            first = _Sums([earlier]).total("agent_chunk_records_sum") or 0.0
            last = _Sums([later]).total("agent_chunk_records_sum") or 0.0
            if last >= first:
                grown.append(last - first)
    seconds = after.at - before.at
    return round(sum(grown) / seconds, 1) if grown and seconds > 0 else None


def _ask(url: str) -> Samples | None:
    try:
        answer = httpx.get(url, timeout=_ANSWERS_WITHIN, trust_env=False)
    except httpx.HTTPError:
        return None
    if answer.status_code != httpx.codes.OK:
        return None
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name].append(sample)
    return found
