"""The end of a run: the best of the kept videos, and what the run was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from streams.outliers.analyses.events import Completed
from streams.outliers.analyses.state import Analysis

TOP = 50  # results of an analysis, at most


@dataclass(frozen=True, slots=True)
class Summary:
    """What an analysis was.

    Attributes:
        total_outliers: results.
        outliers_found: kept videos, of which the results are the best.
        channels_analyzed: channels that were scored.
        channels_skipped: others of those discovered; their events say why.
        exclusion_games: in alphabetical order.
        unresolved: competitors that were not found, as they were named.
        units: of the Data API that the run spent; what was in the cache costs none.
    """

    total_outliers: int
    outliers_found: int
    channels_discovered: int
    channels_analyzed: int
    channels_skipped: int
    videos_analyzed: int
    exclusion_games: tuple[str, ...]
    unresolved: tuple[str, ...]
    units: int


def ranked(state: Analysis) -> Completed:
    """The end of a run whose channels all have results."""
    kept = [result for one in state.analyzed.values() for result in json.loads(one.results)]
    results = best(kept)
    skipped = sum(one.skipped is not None for one in state.analyzed.values())
    exclusion = state.exclusion
    summary = Summary(
        total_outliers=len(results),
        outliers_found=len(kept),
        channels_discovered=len(state.analyzed),
        channels_analyzed=len(state.analyzed) - skipped,
        channels_skipped=skipped,
        videos_analyzed=sum(one.videos for one in state.analyzed.values() if one.skipped is None),
        exclusion_games=exclusion.games if exclusion is not None else (),
        unresolved=exclusion.unresolved if exclusion is not None else (),
        units=state.units,
    )
    return Completed(
        json.dumps(asdict(summary), ensure_ascii=False), json.dumps(results, ensure_ascii=False)
    )


def best(kept: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The best by score, at most `TOP`; of equal scores the lower video id comes first."""
    return sorted(kept, key=lambda one: (-one["score"], one["video_id"]))[:TOP]
