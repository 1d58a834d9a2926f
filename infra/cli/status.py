"""`groundswell status`: what runs, where, and how far behind it is."""

from __future__ import annotations

from typing import Any

from infra.cli.common import Json, load_settings, print_json, say, table


def status(json: Json = False) -> None:
    """Show processes, topics, the lag of projections, and what the agents measure.

    Example: groundswell status --json
    """
    from infra.stack_status import gather_measured

    facts = gather_measured(load_settings())
    if json:
        print_json(facts)
        return
    for name in ("api", "kafka", "registry", "youtube"):
        if facts[name] is not None:  # Google's Data API has no address of ours
            say(f"{name:<10}{facts[name]}")
    _section("processes", [_process(process) for process in facts["processes"]])
    _section("topics", facts["topics"])
    _section("projections", facts["projections"])
    if facts["projections_unknown"]:
        say()
        say(f"projections: {facts['projections_unknown']}")
    _section("agents", _measures(facts["agents"]), right=[one["name"] for one in facts["agents"]])


def _section(name: str, rows: list[dict[str, Any]], *, right: list[str] | None = None) -> None:
    if rows:
        say()
        say(f"{name}:")
        table(rows, right=right)


def _process(process: dict[str, Any]) -> dict[str, Any]:
    # A pid is a name, not a quantity.
    shown = {name: process[name] for name in ("name", "pid", "state", "since", "restarts")}
    return {**shown, "pid": process["pid"] and str(process["pid"])}


def _measures(agents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line a measure and a column an agent: as lines agents would be too long for a terminal."""
    lines: dict[str, Any] = {
        "up": lambda agent: agent["up"],
        "lag, events": lambda agent: agent["lag_events"],
        "lag, s": lambda agent: _number(agent["lag_seconds"]),
        "events/s": lambda agent: _number(agent["events_per_second"]),
        "chunk, records p50": lambda agent: _quantiles(agent["chunk_records"], "p50"),
        "decode, ms p50 / p99": lambda agent: _milliseconds(agent["decode_seconds"]),
        "fold, ms p50 / p99": lambda agent: _milliseconds(agent["fold_seconds"]),
        "flush, ms p50 / p99": lambda agent: _milliseconds(agent["flush_seconds"]),
        "rows flushed": lambda agent: agent["rows_flushed"],
        "rows repaired": lambda agent: agent["rows_repaired"],
        "dirty rows": lambda agent: agent["dirty_rows"],
        "keys": lambda agent: agent["keys"],
        "parked keys": lambda agent: agent["parked_keys"],
        "dead letters": lambda agent: agent["dead_letters"],
        "last restore, s": lambda agent: _number(agent["last_restore_seconds"]),
        "memory, MiB": lambda agent: _number(agent["rss_bytes"], 2**20),
    }
    return [
        {"": line, **{agent["name"]: value(agent) for agent in agents}}
        for line, value in lines.items()
    ]


def _milliseconds(found: dict[str, float] | None) -> str | None:
    return _quantiles(found, "p50", "p99", unit=0.001)


def _quantiles(found: dict[str, float] | None, *names: str, unit: float = 1.0) -> str | None:
    if found is None:
        return None
    return " / ".join(str(_number(found[name], unit)) for name in names)


def _number(value: float | None, unit: float = 1.0) -> str | None:
    """In a unit: one decimal where the number is small, none where it is large."""
    if value is None:
        return None
    value /= unit
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
