"""What the poller measures, every metric named once; docs/watching.md lists them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

KINDS = ("channels", "uploads", "videos")
FAULTS = ("quota", "unavailable", "refused", "broker")


class PollerMetrics:
    """In a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.snapshots = Counter(
            "poller_snapshots_total",
            "Observations that the broker has acknowledged.",
            ("topic",),
            registry=registry,
        )
        self.bad = Counter(
            "poller_bad_observations_total",
            "Observations that break a rule of their topic, and were left out.",
            ("topic",),
            registry=registry,
        )
        self.units = Counter(
            "poller_units_total", "Units of the Data API.", ("look",), registry=registry
        )
        self.uploads = Counter(
            "poller_uploads_found_total", "Videos that became known.", registry=registry
        )
        self.faults = Counter(
            "poller_faults_total",
            "Times that something was not to be had: units, the API, the broker.",
            ("what",),
            registry=registry,
        )
        self.channels = Gauge("poller_channels", "Watched channels.", registry=registry)
        self.videos = Gauge("poller_videos", "Followed videos.", registry=registry)
        self.due = Gauge(
            "poller_due_channels",
            "Channels of which something is worth asking now.",
            registry=registry,
        )
        self.late = Gauge(
            "poller_lateness_seconds",
            "How long the most overdue channel waits beyond the least pause.",
            registry=registry,
        )
        self.waiting = Gauge(
            "poller_outbox_events",
            "Observations that the broker has not acknowledged yet.",
            registry=registry,
        )
        for kind in KINDS:  # from zero, or nobody sees the first increase
            self.units.labels(kind)
        for what in FAULTS:
            self.faults.labels(what)
