"""What a poller of the platform's public counts would have seen."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from infra.simulator.growth import grown
from infra.simulator.identity import event_ids
from infra.simulator.scenario import HOUR, MICROS, Scenario
from infra.simulator.world import World
from schemas.avro_types import TIMESTAMP

# Ages at which a video is observed: at least one in each of the usual age brackets.
AGES = np.array([2, 10, 34, 58, 110, 230, 450, 800]) * HOUR
AGE_JITTER = 0.1  # of the age, either way
RECOUNT_SHARE = 0.02  # of the snapshots: the platform takes views back
RECOUNT = 0.9  # what is left of them
HIDDEN_LIKES = 0.03  # share of the videos whose likes are hidden
CHANNEL_DAYS = 14  # daily channel snapshots


def video_snapshots(scenario: Scenario, world: World) -> pl.DataFrame:
    """VideoSnapshot events in the order of their observation."""
    generator = scenario.generator("video snapshots")
    videos = world.videos
    published = videos["published_at"].dt.epoch("us").to_numpy()
    shape = (videos.height, len(AGES))
    ages = AGES * generator.uniform(1 - AGE_JITTER, 1 + AGE_JITTER, shape)
    hidden = generator.random(videos.height) < HIDDEN_LIKES
    recounted = generator.random(shape) < RECOUNT_SHARE
    times = (published[:, None] + ages).astype(np.int64) // MICROS * MICROS
    video, turn = np.nonzero(times < scenario.end_us)
    time = times[video, turn]
    views = (videos["eventual"].to_numpy()[video] * grown(time - published[video])).astype(np.int64)
    # The snapshot before a recount is the high one; a later one has grown past it.
    views = np.where(recounted[video, turn], (views * RECOUNT).astype(np.int64), views)
    likes = pl.Series((views * 0.04).astype(np.int64))
    return (
        videos[video]
        .select(
            pl.lit("").alias("event_id"),
            pl.Series("occurred_at", time).cast(TIMESTAMP),
            "video_id",
            "channel_id",
            "title",
            "published_at",
            "duration_s",
            "category",
            pl.Series("views", views),
            pl.Series("likes", likes.set(pl.Series(hidden[video]), None)),
            pl.Series("comments", (views * 0.003).astype(np.int64)),
        )
        .sort("occurred_at", maintain_order=True)
        .with_columns(event_ids(generator, len(time)))
    )


def channel_snapshots(scenario: Scenario, world: World) -> pl.DataFrame:
    """ChannelSnapshot events: one a day and channel, counts that fit the videos."""
    generator = scenario.generator("channel snapshots")
    channels = world.channels
    first = scenario.end_us - HOUR - (CHANNEL_DAYS - 1) * 24 * HOUR
    times = first + np.arange(CHANNEL_DAYS) * 24 * HOUR
    videos = world.videos
    index = {channel: at for at, channel in enumerate(channels["channel_id"])}
    owner = np.array([index[channel] for channel in videos["channel_id"]])
    published = videos["published_at"].dt.epoch("us").to_numpy()
    eventual = videos["eventual"].to_numpy()
    daily = generator.uniform(0.0005, 0.004, channels.height)
    frames = []
    for day, time in enumerate(times.tolist()):
        views = np.bincount(owner, eventual * grown(time - published), channels.height)
        count = np.bincount(owner[published <= time], minlength=channels.height)
        subscribers = channels["subscribers"].to_numpy() * (1 + daily) ** day
        frames.append(
            channels.select(
                pl.lit("").alias("event_id"),
                pl.lit(dt.datetime.fromtimestamp(time / MICROS, dt.UTC))
                .cast(TIMESTAMP)
                .alias("occurred_at"),
                "channel_id",
                "title",
                pl.Series("subscribers", subscribers.astype(np.int64)),
                pl.Series("views", views.astype(np.int64)),
                pl.Series("videos", count.astype(np.int64)),
            )
        )
    events = pl.concat(frames)
    return events.with_columns(event_ids(generator, events.height))
