"""What a run of faults has cost: events lost and events counted twice."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tests.chaos.independent import COUNTS, HOURS, Place, Row

_TOLERANCE = 1e-9  # relative, of decayed sums: they are floats, added up in another order
_FLOOR = 1e-12


@dataclass
class Verdict:
    """Difference between the agent's state and the independent fold.

    Attributes:
        lost: events that are missing in the state.
        doubled: events that it has too often.
        wrong: partitions and videos that differ in any way, and how.
    """

    lost: int = 0
    doubled: int = 0
    wrong: dict[Place, str] = field(default_factory=dict)


def compare(found: dict[Place, Row], expected: dict[Place, Row]) -> Verdict:
    """Hold the agent's rows against the independent ones.

    A row that is wrong in what is no count of events (watched time, times, decayed sums, the
    applied offset) stands for one event.
    """
    verdict = Verdict()
    for place in found.keys() | expected.keys():
        have = found.get(place, dict.fromkeys((*COUNTS, *HOURS), 0))
        want = expected.get(place, dict.fromkeys((*COUNTS, *HOURS), 0))
        differences = [have[name] - want[name] for name in COUNTS]
        verdict.lost += -sum(d for d in differences if d < 0)
        verdict.doubled += sum(d for d in differences if d > 0)
        others = _differing(have, want)
        if any(differences) or others:
            verdict.wrong[place] = ", ".join(
                f"{name} {have.get(name)} instead of {want.get(name)}"
                for name in (*COUNTS, *others)
                if have.get(name) != want.get(name)
            )
        if others and not any(differences):
            more = all(have.get(name, 0) > want.get(name, 0) for name in others)
            verdict.doubled += more
            verdict.lost += not more
    return verdict


def _differing(have: Row, want: Row) -> list[str]:
    exact = [
        name
        for name in ("watch_ms", "as_of", "applied_offset")
        if have.get(name, -1) != want.get(name, -1)
    ]
    return exact + [
        name
        for name in HOURS
        if not math.isclose(have[name], want[name], rel_tol=_TOLERANCE, abs_tol=_FLOOR)
    ]
