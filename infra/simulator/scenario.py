"""What to simulate. Together with its seed, a scenario determines every byte of the events."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

# Fixed, not today: the same seed must give the same events tomorrow.
DEFAULT_START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

MICROS = 1_000_000  # microseconds in a second
HOUR = 3_600 * MICROS  # microseconds

Generator = np.random.Generator


@dataclass(frozen=True)
class Scenario:
    """The size and the time of a simulated platform.

    Attributes:
        events: engagement events, repeated ones included.
        videos: videos published over the history and the window.
        channels: channels that published them.
        seed: another seed, another platform.
        start: when the engagement begins.
        hours: how long the engagement lasts.
        history_days: how long before the start the oldest video was published.
        noise: standard deviation of log10 views between a channel's videos. The usual one makes
            what is planted plain to see; real channels have about 0.48.
    """

    events: int
    videos: int = 300
    channels: int = 30
    seed: int = 1
    start: dt.datetime = DEFAULT_START
    hours: int = 48
    history_days: int = 45
    noise: float = 0.12

    def __post_init__(self) -> None:
        if self.events < 0 or self.videos < 1 or self.channels < 1 or self.hours < 1:
            raise ValueError("a scenario has at least one video, channel and hour; events from 0")
        if self.channels > self.videos:
            raise ValueError(
                f"{self.channels} channels share {self.videos} videos: give each at least one"
            )

    @classmethod
    def ending(cls, end: dt.datetime, **sizes: int) -> Scenario:
        """A scenario whose last event happens just before `end`."""
        hours = sizes.get("hours", cls.hours)
        return cls(start=end - dt.timedelta(hours=hours), **sizes)

    @property
    def start_us(self) -> int:
        """The start in microseconds since 1970."""
        return int(self.start.timestamp()) * MICROS

    @property
    def end_us(self) -> int:
        """The end in microseconds since 1970."""
        return self.start_us + self.hours * HOUR

    def generator(self, purpose: str) -> Generator:
        """Random numbers for one purpose; drawing more for one leaves the others as they were."""
        return np.random.Generator(np.random.PCG64([self.seed, *purpose.encode()]))
