"""docs/metrics.md, made from the metrics themselves: `python -m infra.metrics_page`."""

from __future__ import annotations

import sys
from pathlib import Path

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from streams.columnar.metrics import FoldingMetrics, Metrics

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"

_TABLE = """| metric | type | labels | what |
|---|---|---|---|
"""

_HEAD = """# Metrics

Every agent's worker serves `/metrics` over HTTP, on loopback only. Under the supervisor it has a
port that stays the same from start to start; `groundswell status --json` has the URL (`processes`,
`metrics`). A worker that is started alone takes `METRICS_PORT`; unset, it takes any free port and
logs the URL. Where the port is taken, the worker logs that and works on without.

The tables are made from `streams/columnar/metrics.py` (`python -m infra.metrics_page`); a test
compares the two. Besides, the Prometheus client's own `process_*` (on Linux: memory, CPU, open
files, start).

## Of every worker

"""

_STATE = """
## Of agents with state (virality, outliers)

"""

_REST = """
Histograms have `_bucket`, `_sum` and `_count`; counters are there from zero, gauges with a
partition only on the worker that owns it. Everything is observed once a chunk, a flush or an
assignment: some 15 microseconds a chunk. Times are wall-clock times: what other threads and
processes took of the machine is in them. What is read again after a restart is counted again:
`agent_chunk_records` counts work, not events.

## Lag

`agent_lag_events` is the end of the log minus the first offset that is not processed. The end is
the last that the worker heard of, with each fetch and, should fetching have stopped, every five
seconds; records of an open transaction are behind it. An offset without a record (a transaction's
marker) counts until a record after it is processed, or nothing is left to fetch.

`agent_lag_seconds` is 0 when that is 0. Else it is the clock minus the later of two times: when the
log received the last record that was processed, and when the worker last saw that nothing was left.
So no waiting record is in the log for longer. Before either time is known, it is the time since the
partition was assigned. The first time is the broker's clock (topics are provisioned with
`message.timestamp.type=LogAppendTime`), the others are the worker's.

Lag is told in three places, each of what only it can know:

| where | counts what is not yet |
|---|---|
| `agent_lag_*`, worker | processed, in memory |
| `groundswell status`, `/api/v1/system/status` | committed, as Kafka says, of dead workers too |
| `projection_lag_*`, the API's `/metrics` | in the tables |

An agent commits what it has flushed: the second lag is the first and what a flush interval brings.
Its seconds are the age of the oldest record that is not committed.

## groundswell status

For each agent, all its supervised workers together: `up` (whether they answer), `events_per_second`
(over the second that the command takes), mean, median and 99th percentile of `chunk_records`,
`decode_seconds`, `fold_seconds` and `flush_seconds` since the workers began (estimated from the
buckets as Prometheus' `histogram_quantile` does), and sums of the rest. What nobody tells is null.
Workers that somebody started without the supervisor are not among them; their commits are.

## Prometheus

```yaml
scrape_configs:
  - job_name: groundswell-agents
    static_configs:
      - targets: ["127.0.0.1:9101", "127.0.0.1:9102"] # as `groundswell status --json` says
  - job_name: groundswell-api # projections, jobs, requests
    static_configs:
      - targets: ["127.0.0.1:8000"]
```

Events a second: `sum by (agent) (rate(agent_chunk_records_sum[1m]))`. Share of the time that goes
into folding: `rate(agent_fold_seconds_sum[1m])`.

In containers `METRICS_PORT` is 9100 (docker-compose.yml). It is on the container's own loopback: an
agent of your monitoring has to share the container's network (`network_mode: "service:dispatcher"`,
or a container of the same pod).
"""


def page() -> str:
    """The page as it should be."""
    plain, folding = Metrics("agent"), FoldingMetrics("agent")
    known = {_name(metric) for metric in _metrics(plain)}
    besides = [metric for metric in _metrics(folding) if _name(metric) not in known]
    return _HEAD + _TABLE + _rows(_metrics(plain)) + _STATE + _TABLE + _rows(besides) + _REST


def _metrics(measured: Metrics) -> list[MetricWrapperBase]:
    return [one for one in vars(measured).values() if isinstance(one, MetricWrapperBase)]


def _rows(metrics: list[MetricWrapperBase]) -> str:
    return "".join(
        f"| `{_name(metric)}` | {family.type} | {', '.join(metric._labelnames)} "
        f"| {family.documentation} |\n"
        for metric in metrics
        for family in metric.describe()
    )


def _name(metric: MetricWrapperBase) -> str:
    (family,) = metric.describe()
    return f"{family.name}_total" if isinstance(metric, Counter) else family.name


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page()) == 0)
