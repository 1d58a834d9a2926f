"""The registry's events, ready to be published."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from schemas.publisher import new_event_id
from streams.virality.registry.models import FAMILY, Model


def registered(model: Model, *, shadow: bool) -> dict[str, Any]:
    """ModelRegistered of a model whose files are in the artifact store."""
    return {
        **_head("ModelRegistered", model.version, model.registered_at),
        "name": model.name,
        "format": model.format,
        "features": model.features,
        "files": [asdict(file) for file in model.files],
        "read": [asdict(part) for part in model.read],
        "trained_since": model.trained_since,
        "trained_until": model.trained_until,
        "metrics": json.dumps(model.metrics),
        "shadow": shadow,
        "doubts": list(model.doubts),
    }


def promoted(
    version: str,
    *,
    replaces: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    rollback: bool = False,
    forced: bool = False,
) -> dict[str, Any]:
    """ModelPromoted: a model begins to serve, or, rolled back to, serves again."""
    return {
        **_head("ModelPromoted", version),
        "replaces": replaces,
        "rollback": rollback,
        "forced": forced,
        "reason": reason,
        "evidence": json.dumps(evidence or {}),
    }


def shadowed(version: str, *, shadow: bool) -> dict[str, Any]:
    """ModelShadowed: a model begins or ceases to score beside the one that serves."""
    return {**_head("ModelShadowed", version), "shadow": shadow}


def now() -> dt.datetime:
    """This instant, UTC."""
    return dt.datetime.now(dt.UTC)


def _head(kind: str, version: str, at: dt.datetime | None = None) -> dict[str, Any]:
    return {
        "_type": kind,
        "event_id": new_event_id(),
        "occurred_at": at or now(),
        "family": FAMILY,
        "version": version,
    }
