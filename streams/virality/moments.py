"""Moments of videos: everything that is known of a video at an instant, and nothing later.

A prediction is a function of a moment. Training makes moments out of the log, the stream out of an
agent's state, the API out of a request; features are made of moments alone, so they are the same
everywhere.
"""

from __future__ import annotations

import polars as pl

from schemas.avro_types import TIMESTAMP

# Of a channel, the newest so many videos whose views were observed at or before the moment are
# looked at; those of them that were published before the video are its history.
HISTORY_VIDEOS = 50
HISTORY_OBSERVATIONS = 16  # at most so many of a video; which, says moments_of.observations

# An earlier video of the channel, as it was last observed at or before the moment; and how it was
# observed first, null where that is no longer known. Observations without views do not count.
EARLIER_VIDEO = pl.Struct(
    {
        "video_id": pl.String(),
        "published_at": TIMESTAMP,
        "category": pl.String(),
        "duration_s": pl.Int64(),
        "views": pl.Int64(),
        "observed_at": TIMESTAMP,
        "first_views": pl.Int64(),
        "first_observed_at": TIMESTAMP,
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
        "description_length": pl.Int64(),  # characters
        "links": pl.Int64(),  # in the description
        "tags": pl.List(pl.String()),
        "tag_count": pl.Int64(),  # may be more than `tags` holds, where the source cuts them
        "category": pl.String(),
        "language": pl.String(),
        "duration_s": pl.Int64(),
        "history": pl.List(EARLIER_VIDEO),  # by published_at, oldest first
        "observed": pl.List(OBSERVATION),  # by `at`, oldest first; the last is what is known now
    }
)
