"""An analysis's story as its listeners hear it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from api.websockets.telling import Teller

AT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
OUTCOME = {"results": [{"videoId": "v"}], "summary": {"totalOutliers": 1}}


def told(*events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    teller = Teller("a")
    return [
        teller.tell({"version": n, "type": kind, "occurred_at": AT, "body": body}, OUTCOME)
        for n, (kind, body) in enumerate(events, 1)
    ]


def test_progress_has_the_step_it_is_in_and_never_falls() -> None:
    found = told(
        ("AnalysisRequested", {"user_id": "u"}),
        ("StepStarted", {"step": 1, "message": "Excluding", "progress": 0.0}),
        (
            "CompetitorRead",
            {"name": "n", "channel_id": "c", "title": "T", "games": [], "videos": 1, "progress": 9},
        ),
        ("ExclusionBuilt", {"games": ["Doors"], "channels": 1}),
        ("StepStarted", {"step": 2, "message": "Searching", "progress": 5.0}),
    )
    assert {one["event"] for one in found} == {"progress"}
    assert [one["version"] for one in found] == [1, 2, 3, 4, 5]
    assert [one["step"] for one in found] == [0, 1, 1, 1, 2]
    assert [one["progress"] for one in found] == [0, 0, 9, 9, 9]
    assert [one["message"] for one in found][1:] == [
        "Excluding",
        "Read 1 video of T",
        "Excluding 1 game",
        "Searching",
    ]


def test_a_pause_says_until_when() -> None:
    (paused, resumed) = told(
        ("Paused", {"reason": "the day's units are spent", "resumes_at": "2026-05-02T07:00:00Z"}),
        ("Resumed", {}),
    )
    assert paused["event"] == "paused"
    assert paused["message"] == "the day's units are spent"
    assert paused["pausedUntil"] == "2026-05-02T07:00:00Z"
    assert resumed["event"] == "progress"


def test_the_end_has_the_results_or_the_reason() -> None:
    (done,) = told(("Completed", {"summary": "{}"}))
    assert (done["event"], done["step"], done["progress"]) == ("complete", 6, 100.0)
    assert done["results"] == OUTCOME["results"]
    (failed,) = told(("Failed", {"error": "refused"}))
    assert (failed["event"], failed["error"], failed["state"]) == ("error", "refused", "failed")
    (called_off,) = told(("Cancelled", {"reason": "enough"}))
    assert (called_off["event"], called_off["error"]) == ("error", "enough")
    assert called_off["state"] == "cancelled"


def test_an_event_of_a_later_release_is_progress_all_the_same() -> None:
    (one,) = told(("SomethingNew", {"progress": 12.5}))
    assert (one["event"], one["progress"]) == ("progress", 12.5)
