"""Where a listener stands: how far into each topic its projections' tables were when it was told.

    videos/video.uploads.v1/12.0.3.5;jobs/generation.events.v1/7.0.0.2

For each projection and topic the next offset of each partition, from 0 on. Nothing in it is of one
process, or of one run of it: whoever has the tables can tell what has changed since.
"""

from __future__ import annotations

import re

Positions = dict[tuple[str, str], dict[int, int]]
"""Next offset by partition, by (projection, topic)."""

LONGEST = 8_000  # characters; a header of more is no id of ours

_PART = re.compile(r"([a-z0-9_-]{1,64})/([A-Za-z0-9._-]{1,249})/([0-9]{1,18}(?:\.[0-9]{1,18})*)")


def write_id(positions: Positions) -> str:
    """Positions as an event's id."""
    return ";".join(
        f"{projection}/{topic}/" + ".".join(str(found.get(n, 0)) for n in range(max(found) + 1))
        for (projection, topic), found in sorted(positions.items())
    )


def read_id(text: str | None) -> Positions | None:
    """What `write_id` wrote; None of anything else."""
    if not text or len(text) > LONGEST:
        return None
    positions: Positions = {}
    for part in text.split(";"):
        found = _PART.fullmatch(part)
        if found is None:
            return None
        offsets = map(int, found[3].split("."))
        positions[found[1], found[2]] = dict(enumerate(offsets))
    return positions
