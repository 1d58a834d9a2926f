"""What one API process measures of itself; figures of the pipeline come from the tables."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Labels: method; endpoint, the route's template; status_code. Seconds to the last byte.
        self._requests = Histogram(
            "api_request_duration_seconds",
            "Time to answer, by route template.",
            ["method", "endpoint", "status_code"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0),
        )
        self.active = Gauge(
            "api_active_requests", "Requests being answered.", registry=self.registry
        )
        self.listeners = Gauge(
            "api_live_listeners", "Open streams of live updates.", registry=self.registry
        )
        self.live_dropped = Counter(
            "api_live_dropped",
            "Streams of live updates that were ended because their reader did not keep up.",
            registry=self.registry,
        )
        self.analysis_listeners = Gauge(
            "api_analysis_listeners",
            "Open WebSockets that listen to an outlier analysis.",
            registry=self.registry,
        )
        self.job_listeners = Gauge(
            "api_job_listeners",
            "Open WebSockets that listen to generation jobs.",
            registry=self.registry,
        )
        self.database_up = Gauge(
            "api_database_up", "Whether the tables could be read.", registry=self.registry
        )
        # Labels: topic; outcome, accepted or rejected.
        self.published = Counter(
            "api_published_events",
            "Events that came in through the API.",
            ["topic", "outcome"],
            registry=self.registry,
        )

        # Labels: tier, of a key or `address`, `login`, ...; outcome, allowed, refused or uncounted.
        self.limited = Counter(
            "api_rate_limited_requests",
            "Requests that a limit holds for.",
            ["tier", "outcome"],
            registry=self.registry,
        )
        self.limits_up = Gauge(
            "api_rate_limits_up", "Whether requests can be counted.", registry=self.registry
        )
        self.limits_up.set(1)
        # Labels: outcome, kept, replayed, waited, refused or unkept.
        self.repeatable = Counter(
            "api_idempotent_requests",
            "Requests with an Idempotency-Key.",
            ["outcome"],
            registry=self.registry,
        )

    def observe(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, endpoint, str(status)).observe(seconds)

    def active_requests(self) -> int:
        """Requests being answered now, this one among them."""
        return int(self.registry.get_sample_value("api_active_requests") or 0)

    def request_figures(self) -> tuple[int, float]:
        """Requests answered so far, and the seconds they took together."""
        count, seconds = 0, 0.0
        for family in self._requests.collect():
            for sample in family.samples:
                if sample.name.endswith("_count"):
                    count += int(sample.value)
                elif sample.name.endswith("_sum"):
                    seconds += sample.value
        return count, seconds
