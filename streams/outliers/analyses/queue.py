"""The work queue under the analyses: an entry names an analysis and one turn of it."""

from __future__ import annotations

import datetime as dt

from procrastinate.jobs import Job as Entry

QUEUE = "analyses"
TASK = "outliers.analysis"


def lock_of(analysis_id: str, turn: int) -> str:
    """The queue's lock of a turn, by which it can be withdrawn.

    Not of the analysis: the next turn is queued before this one's entry is put away, and would
    have to wait until the queue is looked at again.
    """
    return f"analysis:{analysis_id}:{turn}"


def entry(analysis_id: str, turn: int, *, at: dt.datetime | None = None) -> Entry:
    """The queue's entry of a turn; `at` is the earliest start, if any."""
    return Entry(
        id=None,
        queue=QUEUE,
        lock=lock_of(analysis_id, turn),
        queueing_lock=None,
        task_name=TASK,
        task_kwargs={"analysis_id": analysis_id, "turn": turn},
        scheduled_at=at,
    )
