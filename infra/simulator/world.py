"""The channels and videos of a scenario, and which of the videos stand out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from infra.simulator import names
from infra.simulator.scenario import HOUR, MICROS, Scenario
from schemas.avro_types import TIMESTAMP

SHORT_CHANNELS = 0.3  # share of channels that publish shorts
OUTLIER_SHARE = 1 / 60  # of the videos
OUTLIER_MULTIPLE = (12.0, 40.0)  # times what is usual for the channel
HISTORY_OF_OUTLIER = 7  # earlier videos of its channel, so that "usual" means something
OUTLIER_AGE = 12 * HOUR  # at the end, so that it is no longer too recent to judge
ZIPF = 1.1  # exponent of the popularity of channels

_LANGUAGES = np.array(["en", "es", "pt", "de", "hi", "ja"])
_LANGUAGE_SHARES = (0.5, 0.15, 0.1, 0.1, 0.08, 0.07)


@dataclass(frozen=True)
class World:
    """What a platform has before anybody watches.

    Attributes:
        channels: channel_id, title, category String; subscribers Int64; usual Float64, the views
            that a video of it gets in the long run; short Boolean.
        videos: video_id, channel_id, title, category, language String; tags List(String);
            duration_s Int32; published_at Datetime(us, UTC); eventual Float64, its views in the
            long run; multiple Float64, that over its channel's usual where it was planted as an
            outlier, else null. In the order of publication.
    """

    channels: pl.DataFrame
    videos: pl.DataFrame

    @property
    def planted(self) -> pl.DataFrame:
        """The outliers that a detector should find: video_id, channel_id, multiple."""
        return self.videos.filter(pl.col("multiple").is_not_null()).select(
            "video_id", "channel_id", "multiple"
        )


def make_world(scenario: Scenario) -> World:
    """Make the platform of a scenario."""
    channels = _channels(scenario)
    return World(channels, _videos(scenario, channels))


def _channels(scenario: Scenario) -> pl.DataFrame:
    generator = scenario.generator("channels")
    count = scenario.channels
    categories = [
        names.CATEGORIES[at] for at in generator.integers(len(names.CATEGORIES), size=count)
    ]
    rank = generator.permutation(count) + 1
    usual = 400_000 / rank**ZIPF * 10 ** generator.normal(0, 0.2, count)
    return pl.DataFrame(
        {
            "channel_id": names.ids(generator, count, 22, "UC"),
            "title": [names.channel_title(generator, category) for category in categories],
            "category": categories,
            "subscribers": (usual * generator.uniform(2, 12, count)).astype(np.int64),
            "usual": usual,
            "short": generator.random(count) < SHORT_CHANNELS,
        }
    )


def _videos(scenario: Scenario, channels: pl.DataFrame) -> pl.DataFrame:
    generator = scenario.generator("videos")
    count = scenario.videos
    # Evenly, with the remainder to the first: each channel has a past to be compared with.
    owner = np.sort(np.arange(count) % scenario.channels)
    published = _publication_times(scenario, generator, owner)
    order = np.argsort(published, kind="stable")
    owner, published = owner[order], published[order]
    short = channels["short"].to_numpy()[owner]
    lengths = np.where(
        short, generator.integers(12, 60, count), generator.lognormal(6.3, 0.5, count)
    )
    multiple = _plant(scenario, generator, owner, published)
    usual = channels["usual"].to_numpy()[owner]
    eventual = usual * 10 ** generator.normal(0, scenario.noise, count)
    eventual = np.where(np.isnan(multiple), eventual, usual * multiple)
    of_owner = channels.select("channel_id", "category")[owner]
    described = [names.video(generator, category) for category in of_owner["category"]]
    language = _LANGUAGES[
        generator.choice(len(_LANGUAGES), scenario.channels, p=_LANGUAGE_SHARES)[owner]
    ]
    return of_owner.with_columns(
        pl.Series("video_id", names.ids(generator, count, 11)),
        pl.Series("title", [title for title, _ in described]),
        pl.Series("tags", [tags for _, tags in described]),
        pl.Series("language", language.tolist()),
        pl.Series("duration_s", np.maximum(lengths, 181 * ~short).astype(np.int32)),
        pl.Series("published_at", published).cast(TIMESTAMP),
        pl.Series("eventual", eventual),
        pl.Series("multiple", multiple).fill_nan(None),
    )


def _publication_times(
    scenario: Scenario, generator: np.random.Generator, owner: np.ndarray
) -> np.ndarray:
    """Each channel's videos at steady distances with some jitter, to the whole second."""
    counts = np.bincount(owner)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (place + generator.uniform(0.1, 0.9, len(owner))) / counts[owner]
    first = scenario.start_us - scenario.history_days * 24 * HOUR
    times = first + (share * (scenario.end_us - HOUR - first)).astype(np.int64)
    return np.asarray(times // MICROS * MICROS)


def _plant(
    scenario: Scenario, generator: np.random.Generator, owner: np.ndarray, published: np.ndarray
) -> np.ndarray:
    """The multiple of each video that is to stand out, else NaN; at most one per channel."""
    multiple = np.full(len(owner), np.nan)
    seen = np.zeros(scenario.channels, dtype=np.int64)
    latest: dict[int, int] = {}
    for video, channel in enumerate(owner):
        if (
            seen[channel] >= HISTORY_OF_OUTLIER
            and published[video] <= scenario.end_us - OUTLIER_AGE
        ):
            latest[int(channel)] = video
        seen[channel] += 1
    wanted = min(len(latest), max(1, round(scenario.videos * OUTLIER_SHARE)))
    chosen = generator.permutation(np.array(sorted(latest.values()), dtype=np.int64))[:wanted]
    multiple[chosen] = generator.uniform(*OUTLIER_MULTIPLE, len(chosen))
    return multiple
