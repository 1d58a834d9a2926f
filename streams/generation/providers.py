"""What makes videos: the protocol that every provider speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[float, str], Awaitable[None]]
"""Called with percent (0 to 100) and the step; may be called as often as one likes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a provider is asked for.

    Attributes:
        key: names the attempt: a provider that is called twice with it makes one video.
        quality: low, medium or high.
        steps: detail, 1 to 100.
        seconds: length of the video.
    """

    key: str
    prompt: str
    width: int
    height: int
    steps: int
    quality: str
    seed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Rendering:
    """Files that a provider made, within the folder it was given.

    Attributes:
        seconds: length of the video.
    """

    video: Path
    thumbnail: Path
    seconds: float


class ProviderError(Exception):
    """The provider made no video.

    Attributes:
        retryable: whether another attempt may help.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Provider(Protocol):
    """Makes videos, here or elsewhere."""

    @property
    def name(self) -> str:
        """As in requests and events."""

    @property
    def model(self) -> str:
        """Model or renderer, as in events."""

    async def generate(self, order: Order, folder: Path, progress: Progress) -> Rendering:
        """Make a video. Cancelling this stops the work.

        Raises:
            ProviderError: no video was made.
        """
