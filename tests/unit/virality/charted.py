"""Made-up charts: videos of a few channels, counted now and then, with all that can be odd."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_TITLES = (
    "Official trailer",
    "GOALS! #shorts",
    "Как это работает?",
    "猫の動画 🔴",
    "",
    "ep 12 | [HD]",
)


def at(hours: float) -> dt.datetime:
    """Hours after `START`."""
    return START + dt.timedelta(hours=hours)


def chart(seed: int, videos: int = 60, days: float = 40) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Videos and observations as `AsOf` takes them.

    Some videos are never observed, some only with hidden views; instants are shared, an instant
    may have two counts, counts may fall, and one video may be observed before its publication.
    """
    random = np.random.default_rng(seed)
    published = np.sort(random.integers(0, int(days * 24), videos))
    known = pl.DataFrame(
        {
            "video_id": [f"v{n}" for n in range(videos)],
            "channel_id": [None if n == 7 else f"c{random.integers(0, 4)}" for n in range(videos)],
            "published_at": [at(float(hour)) for hour in published],
            "title": [str(random.choice(_TITLES)) for _ in range(videos)],
            "category": [[None, "10", "20", "Music"][random.integers(0, 4)] for _ in range(videos)],
            "language": [[None, "en", "pt-BR", "xx"][random.integers(0, 4)] for _ in range(videos)],
            "duration_s": [
                None if random.random() < 0.2 else int(random.integers(5, 900))
                for _ in range(videos)
            ],
            "description": [
                [None, "", "See https://a.example", "words"][random.integers(0, 4)]
                for _ in range(videos)
            ],
            "tags": [["a", "b"][: random.integers(0, 3)] for _ in range(videos)],
        }
    )
    seen = []
    for n in range(videos):
        hour, views = float(published[n]) - (2.0 if n == 3 else 0.0), 0.0
        for _ in range(int(random.integers(0, 25))):
            hour += float(random.integers(1, 30))
            views = max(0.0, views + float(random.normal(2_000, 1_500)))
            seen.append(
                {
                    "video_id": f"v{n}",
                    "at": at(hour),
                    "views": None if n % 9 == 4 or random.random() < 0.1 else int(views),
                    "likes": None if random.random() < 0.2 else int(views / 30),
                    "comments": int(views / 400),
                }
            )
            if random.random() < 0.1:
                seen.append({**seen[-1], "views": int(views) + 5})
    return known, pl.DataFrame(seen)
