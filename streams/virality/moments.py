"""Moments of videos: everything that is known of a video at an instant, and nothing later.

A prediction is a function of a moment. Training makes moments out of the log, the stream out of an
agent's state, the API out of a request; features are made of moments alone, so they are the same
everywhere.
"""

from __future__ import annotations

import polars as pl

from schemas.avro_types import TIMESTAMP

# The newest so many videos of a channel, and observations of a video, are looked at.
HISTORY_VIDEOS = 50
HISTORY_OBSERVATIONS = 16

# An earlier video of the channel, as it was last observed at or before the moment.
EARLIER_VIDEO = pl.Struct(
    {
        "video_id": pl.String(),
        "published_at": TIMESTAMP,
        "category": pl.String(),
        "duration_s": pl.Int64(),
        "views": pl.Int64(),
        "observed_at": TIMESTAMP,
    }
)

# Counts of the video so far; null where hidden.
OBSERVATION = pl.Struct(
    {
        "at": TIMESTAMP,
        "views": pl.Int64(),
        "likes": pl.Int64(),
        "comments": pl.Int64(),
    }
)

# One row per moment. Only `at`, `title` and `published_at` are never null; before publication, or
# as long as nothing was observed, `observed` is empty. A video is never in its own history.
MOMENT = pl.Schema(
    {
        "video_id": pl.String(),
        "channel_id": pl.String(),
        "at": TIMESTAMP,
        "published_at": TIMESTAMP,
        "title": pl.String(),
        "description": pl.String(),
        "tags": pl.List(pl.String()),
        "category": pl.String(),
        "language": pl.String(),
        "duration_s": pl.Int64(),
        "history": pl.List(EARLIER_VIDEO),  # by published_at, oldest first
        "observed": pl.List(OBSERVATION),  # by `at`, oldest first; the last is what is known now
    }
)
