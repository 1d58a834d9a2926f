"""The agents as the rest of the house knows them: names, consumer groups, what they read."""

from __future__ import annotations

from schemas.catalogue import (
    CHANNEL_SNAPSHOTS,
    ENGAGEMENT,
    GENERATION_REQUESTS,
    OUTLIER_DETECTIONS,
    VIDEO_SNAPSHOTS,
    VIRALITY_CHANNELS,
    VIRALITY_SCORES,
    WEBHOOK_DELIVERIES,
)
from schemas.topic import Topic

AGENTS: dict[str, tuple[Topic, ...]] = {
    "virality": (ENGAGEMENT,),
    "outliers": (VIDEO_SNAPSHOTS,),
    "channel-shifts": (CHANNEL_SNAPSHOTS,),
    "forecasts": (VIDEO_SNAPSHOTS,),
    "actuals": (VIRALITY_CHANNELS, VIRALITY_SCORES),
    "dispatcher": (GENERATION_REQUESTS, OUTLIER_DETECTIONS, VIRALITY_SCORES, WEBHOOK_DELIVERIES),
}


def group_of(agent: str) -> str:
    """Consumer group of an agent."""
    return f"groundswell.{agent}"
