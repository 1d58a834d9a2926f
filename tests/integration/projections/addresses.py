"""Topics and projections under other names, so that tests do not meet in the log."""

from __future__ import annotations

import dataclasses

from projections.projection import Projection
from schemas.topic import Topic


def renamed(topic: Topic, suffix: str) -> Topic:
    """The same topic under another name."""
    other = dataclasses.replace(topic, name=f"{topic.name}.{suffix}")
    other.__dict__["schema"] = topic.schema  # what the name would be looked up for
    return other


def readdressed(projection: Projection, suffix: str) -> Projection:
    """The same projection under another name, reading renamed topics."""
    return dataclasses.replace(
        projection,
        name=f"{projection.name}-{suffix}",
        sources=tuple(
            dataclasses.replace(source, topic=renamed(source.topic, suffix))
            for source in projection.sources
        ),
    )
