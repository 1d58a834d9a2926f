"""Whether a model is good enough to be registered: its card on the window that was kept apart.

A model that a rule of thumb beats helps nobody, and a band that holds far fewer or far more than it
promises misleads; neither is better for being compared with the model that serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.virality.models.forecaster import AFTER, BEFORE

LEAST_COVERED, MOST_COVERED = 0.80, 0.97  # of a band that promises 0.9; between is chance and drift


def doubts(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """What speaks against a model; empty is nothing.

    Args:
        metrics: by stage its `mae` and those of its `baselines` (log10 views), and `coverage` of
            its 90 % band, all on the test window.
    """
    return tuple(doubt for stage in (BEFORE, AFTER) for doubt in _of_stage(stage, metrics))


def _of_stage(stage: str, metrics: Mapping[str, Any]) -> list[str]:
    when = f"{stage} publication"
    try:
        found = metrics[stage]
        mae, coverage = float(found["mae"]), float(found["coverage"])
        baselines = {name: float(error) for name, error in found["baselines"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return [f"{when}: it has no figures on a test window"]
    said = [
        f"{when}: its mean error {mae:.4f} (log10 views) is no better than the {error:.4f} of "
        f"the rule {name!r}"
        for name, error in baselines.items()
        if not mae < error
    ]
    if not LEAST_COVERED <= coverage <= MOST_COVERED:
        said.append(
            f"{when}: its 90 % band holds {coverage:.1%}, not {LEAST_COVERED:.0%} to "
            f"{MOST_COVERED:.0%}"
        )
    return said
