"""An analysis's story in the words of its listeners: progress, paused, complete, error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.database import Row

ENDS = frozenset({"Completed", "Failed", "Cancelled"})


@dataclass(slots=True)
class Teller:
    """Tells one analysis's events in order.

    Attributes:
        step: of the newest event that was told, 0 to 6.
        progress: of the whole run then, 0 to 100.
    """

    analysis_id: str
    step: int = 0
    progress: float = 0.0

    def tell(self, row: Row, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """One event as it is sent.

        Args:
            row: of `analysis_events`.
            outcome: `results` and `summary` as the API shows them; read for the end alone.
        """
        kind, body = row["type"], row["body"]
        self.step = 6 if kind == "Completed" else body.get("step", self.step)
        done = 100.0 if kind == "Completed" else body.get("progress", 0.0)
        self.progress = max(self.progress, done)
        common = {
            "version": row["version"],
            "analysisId": self.analysis_id,
            "at": row["occurred_at"].isoformat(),
            "step": self.step,
            "progress": self.progress,
        }
        match kind:
            case "Completed":
                return {"event": "complete", **common, **outcome}
            case "Failed":
                return {"event": "error", **common, "state": "failed", "error": body["error"]}
            case "Cancelled":
                return {"event": "error", **common, "state": "cancelled", "error": body["reason"]}
            case "Paused":
                until = body["resumes_at"]
                return {
                    "event": "paused", **common, "message": body["reason"], "pausedUntil": until
                }  # fmt: skip
        return {"event": "progress", **common, "message": message(kind, body)}


def message(kind: str, body: Mapping[str, Any]) -> str:
    """What an event says, for a person."""
    match kind:
        case "AnalysisRequested":
            return "Waiting for a worker"
        case "StepStarted":
            return str(body["message"])
        case "CompetitorRead" if body.get("channel_id") is None:
            return f"No channel is called {body['name']}"
        case "CompetitorRead":
            return (
                f"Read {_counted(body['videos'], 'video')} of {body.get('title') or body['name']}"
            )
        case "ExclusionBuilt":
            return f"Excluding {_counted(len(body['games']), 'game')}"
        case "QuerySearched":
            found = _counted(len(body["channel_ids"]), "channel")
            return f"Searched for {body['query']!r}: {found}"
        case "ChannelDiscovered":
            return f"Found {body['title']}"
        case "UploadsListed":
            return f"Listed {_counted(len(body['video_ids']), 'video')} of {body['channel_id']}"
        case "ChannelAnalyzed" if body.get("skipped") is not None:
            return f"Skipped {body['channel_id']}: {body['skipped']}"
        case "ChannelAnalyzed":
            looked = _counted(body["videos"], "video")
            return f"Kept {body['outliers']} of {looked} of {body['channel_id']}"
        case "Resumed":
            return "Going on"
    return kind


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
