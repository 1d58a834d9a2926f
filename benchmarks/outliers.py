"""The outlier detector: snapshots a second, and whether its probabilities hold.

The log is that of the real charts where they are beside the project (../shared/data), else a
simulated one. `fold` is the fold alone; `agent` the whole worker, from fetch to acknowledged
detections and state. Beside them, in turn and in one process like the fold, a loop of the kind that
is usual: for each record a look at the median of its channel's last 40 videos, three times which is
an outlier.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks.engagement import forget
from benchmarks.load import FrameProducer
from benchmarks.machine import machine
from benchmarks.measured import measured_facts
from benchmarks.outlier_calibration import calibration, learned, scenario
from benchmarks.servers import servers
from infra.cli.common import note
from infra.simulator.identity import event_ids
from infra.simulator.scenario import Scenario
from infra.simulator.snapshots import video_snapshots
from infra.simulator.world import make_world
from schemas.avro_types import frame_schema
from schemas.catalogue import OUTLIER_BASELINES, VIDEO_SNAPSHOTS
from streams.columnar.fold import numbered
from streams.columnar.state.table import KeyedTable
from streams.outliers.agent import NAME
from streams.outliers.detection.verdicts import Rule
from streams.outliers.fold import OutlierFold
from streams.outliers.model.growth import Growth

DATA = Path(__file__).parents[2] / "shared" / "data"
RUNS = 3
CHUNK = 60_000  # records, as a worker takes them of a backlog
BAR = 100_000  # snapshots a second

_HISTORY = 40
_LOOPED = 100_000  # snapshots that the loop is given


def run(data: Path | None = None, runs: int = RUNS) -> dict[str, Any]:
    """Measure; the result is what `groundswell bench outliers --json` prints."""
    snapshots, source = _snapshots(data or DATA)
    fold_rates, cpu_rates, agent_rates, agent_cpu_rates, loop_rates = [], [], [], [], []
    with servers() as settings:
        note(f"publishing {len(snapshots):,} snapshots ({source}) ...")
        producer = FrameProducer(settings, VIDEO_SNAPSHOTS)
        for part in snapshots.iter_slices(50_000):
            producer.send(part)
        producer.acknowledged()
        plain = json.loads(settings.model_dump_json(exclude_none=True))
        for turn in range(runs):
            note(f"  turn {turn + 1} of {runs}")
            wall, cpu = _folded(snapshots)
            fold_rates.append(len(snapshots) / wall)
            cpu_rates.append(len(snapshots) / cpu)
            loop_rates.append(_timed(lambda: _loop(snapshots.head(_LOOPED))))
            forget(settings, NAME, OUTLIER_BASELINES)
            arguments = {"settings": plain, "events": len(snapshots)}
            facts = measured_facts("benchmarks.outliers_worker", arguments)
            agent_rates.append(facts["events"] / facts["seconds"])
            agent_cpu_rates.append(facts["events"] / facts["cpu"])
    loop = median(loop_rates)
    others = {"loop per record": round(loop)}
    figures = [
        _figure("fold, snapshots/s", median(fold_rates), BAR, others),
        _figure("fold, snapshots per CPU second", median(cpu_rates), BAR, others),
        _figure("agent, snapshots/s", median(agent_rates), BAR, others),
        _figure("agent, snapshots per CPU second", median(agent_cpu_rates), BAR, others),
        *_calibration(),
    ]
    return {
        "name": "outliers",
        "figures": figures,
        "left_out": {},
        "source": source,
        "snapshots": len(snapshots),
        "runs": {"fold": fold_rates, "agent": agent_rates, "loop": loop_rates},
        "machine": machine(),
    }


def _calibration() -> list[dict[str, Any]]:
    """On simulated channels; the curves that ship beside those learned from such a log."""
    note("calibration ...")
    wanted = scenario(seed=1)
    ours, shipped = calibration(wanted, learned(seed=101)), calibration(wanted, Growth.default())
    bars = {"share at 0.01": 0.01, "videos at 0.01 ever": None, "share false": 0.1}
    return [
        _figure(f"usual videos, {name}", ours[name], bar, {"curves that ship": shipped[name]})
        for name, bar in bars.items()
    ] + [
        _figure("planted that are detected", ours["planted detected"] / ours["planted"], None, {}),
    ]


def _figure(what: str, ours: float, bar: float | None, others: dict[str, Any]) -> dict[str, Any]:
    return {"what": what, "ours": ours, "bar": bar, "stretch": None, "baselines": others}


def _snapshots(data: Path) -> tuple[pl.DataFrame, str]:
    """Events in the order of their observation, and where they are from."""
    charts, videos = data / "trending_snapshots.parquet", data / "trending_videos.parquet"
    if not (charts.exists() and videos.exists()):
        wanted = Scenario(events=0, videos=60_000, channels=3_000, noise=0.48)
        return video_snapshots(wanted, make_world(wanted)), "simulated"
    known = pl.read_parquet(videos).select(
        "video_id", "channel_id", "title", "published_at", category="category_id"
    )
    found = pl.read_parquet(charts).join(known, on="video_id")
    wanted_columns = frame_schema(VIDEO_SNAPSHOTS.schema)
    ordered = found.with_columns(
        pl.col("captured_at").dt.replace_time_zone("UTC").alias("occurred_at"),
        pl.lit(None).alias("duration_s"),
        event_ids(Scenario(events=0).generator("charts"), len(found)),
    ).sort("occurred_at", maintain_order=True)
    return ordered.select(
        pl.col(name).cast(dtype) for name, dtype in wanted_columns.items()
    ), "real charts"


def _timed(job: Callable[[], int]) -> float:
    began = time.perf_counter()
    return job() / (time.perf_counter() - began)


def _folded(snapshots: pl.DataFrame) -> tuple[float, float]:
    """Seconds and CPU seconds of the fold alone."""
    fold = OutlierFold(Rule(3.0, 0.01))
    table = KeyedTable(pl.Schema(fold.state), VIDEO_SNAPSHOTS.key, None)
    events = snapshots.with_columns(
        pl.lit(0, pl.Int32).alias("_partition"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_offset"),
        pl.col("occurred_at").alias("_timestamp"),
    )
    wall = cpu = 0.0
    for chunk in events.iter_slices(CHUNK):
        keys, some = numbered(chunk, VIDEO_SNAPSHOTS.key)
        rows = table.take(keys)
        began, used = time.perf_counter(), time.process_time()
        folded = fold(rows, some)
        wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - used
        table.put(folded.rows)
    table.close()
    return wall, cpu


def _loop(snapshots: pl.DataFrame) -> int:
    """The usual way: a record at a time."""
    channels: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=_HISTORY))
    found = count = 0
    for channel, views in snapshots.select("channel_id", "views").iter_rows():
        count += 1
        if views is None:
            continue
        known = channels[channel]
        if len(known) >= 5 and views > 3 * statistics.median(known):
            found += 1
        known.append(views)
    return count
