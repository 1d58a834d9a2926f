"""Charts whose truth is known: channels of their own level, growth of a known kind."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

START = dt.datetime(2026, 1, 1)
DAYS = 90
CHANNELS = 40


def made_charts(videos: int = 3_000, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tables with the columns of a chart's files.

    Views at age h are 10^(level of the channel + noise) (h / 24)^slope, the slope being the
    video's own; every video is counted on the first three noons after its publication.
    """
    random = np.random.default_rng(seed)
    minutes = np.sort(random.integers(0, DAYS * 24 * 60, videos))
    channel = random.integers(0, CHANNELS, videos)
    category = np.array([10, 20, 24])[channel % 3]
    day_level = 4 + 2 * channel / CHANNELS + random.normal(0, 0.1 + 0.1 * (channel % 3), videos)
    slope = random.uniform(0.3, 0.9, videos)
    published = [START + dt.timedelta(minutes=int(minute)) for minute in minutes]
    table = pl.DataFrame(
        {
            "video_id": [f"v{n}" for n in range(videos)],
            "channel_id": [f"c{n}" for n in channel],
            "title": [f"Video {n}" for n in range(videos)],
            "published_at": published,
            "category_id": category,
            "lang": "en",
            "n_tags": 3,
            "desc_len": 100,
            "n_links": 1,
            "tags": "a|b|c",
            "first_country": "BR",
        }
    )
    counted = []
    for n, born in enumerate(published):
        noon = born.replace(hour=12, minute=0)
        first = noon if noon > born + dt.timedelta(hours=1) else noon + dt.timedelta(days=1)
        for day in range(3):
            seen = first + dt.timedelta(days=day)
            age_h = (seen - born).total_seconds() / 3600
            views = int(10 ** day_level[n] * (age_h / 24) ** slope[n])
            counted.append((f"v{n}", seen, views, views // 30, views // 400))
    snapshots = pl.DataFrame(
        counted, schema=["video_id", "captured_at", "views", "likes", "comments"], orient="row"
    )
    return table, snapshots
