"""What makes videos: the protocol that every provider speaks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Order:
    """What a provider is asked for.

    Attributes:
        key: names the attempt: a provider that is called twice with it makes one video.
        quality: low, medium or high.
        steps: detail, 1 to 100.
        seconds: length of the video.
        submitted: the provider's own name of this work, if an earlier worker was given one: it is
            to be waited for, not asked for again.
    """

    key: str
    prompt: str
    width: int
    height: int
    steps: int
    quality: str
    seed: int
    seconds: float
    submitted: str | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a provider can make, and at what price.

    Attributes:
        sizes: (width, height) in pixels that it makes; None: any that a request may have.
        most_seconds: the longest video.
        lengths: seconds that can be paid for, in rising order, where it sells only some; a
            shorter video is cut from the next longer one. Empty: any.
        prompt_max: UTF-16 code units that its prompts may have; None: all that a request may have.
        seeded: whether the same order gives the same bytes.
        usd_per_second: price of a second of video; 0 for one's own machine.
    """

    sizes: frozenset[tuple[int, int]] | None = None
    most_seconds: float = 60.0
    lengths: tuple[float, ...] = ()
    prompt_max: int | None = None
    seeded: bool = False
    usd_per_second: float = 0.0

    def can_make(self, prompt: str, width: int, height: int, seconds: float) -> bool:
        """Whether such a video can be had here."""
        return (
            (self.sizes is None or (width, height) in self.sizes)
            and seconds <= self.most_seconds
            and (self.prompt_max is None or utf16_units(prompt) <= self.prompt_max)
        )

    def cost_usd(self, seconds: float) -> float:
        """What a video of that length costs: that of the next longer one that is sold."""
        paid = next((length for length in self.lengths if length >= seconds), seconds)
        return round(paid * self.usd_per_second, 6)


@dataclass(frozen=True, slots=True)
class Rendering:
    """Files that a provider made, within the folder it was given.

    Attributes:
        seconds: length of the video.
    """

    video: Path
    thumbnail: Path
    seconds: float


def utf16_units(text: str) -> int:
    """Length of a text as JavaScript counts it, and with it most APIs."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class ProviderError(Exception):
    """The provider made no video.

    Attributes:
        kind: `failed`: this work failed. `busy`: no room now (429): come later, it is no failure.
            `unreachable`: no connection, or no answer in time.
        retryable: whether another attempt may help.
        retry_after: seconds that the provider asked to wait, if it did.
        left: whether the work that was told as `submitted` may go on: then the next attempt at
            this provider waits for it instead of asking again. Set where nobody called it off.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        kind: Literal["failed", "busy", "unreachable"] = "failed",
        retry_after: float | None = None,
        left: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.left = left


class GivenUp(Exception):
    """The attempt was given up, for its worker was taken for lost.

    The provider's work is not to be called off: another worker may wait for it by now.
    """


HANDED_ON = "handed on"  # message of a cancel by a worker that is told to stop


def leaves_work(error: BaseException) -> bool:
    """Whether work elsewhere is left as it is by whoever is stopped by that exception.

    So it is where another worker will wait for it. Otherwise whoever is cancelled calls it off.
    """
    handed_on = isinstance(error, asyncio.CancelledError) and HANDED_ON in error.args
    return handed_on or isinstance(error, GivenUp)


class Telling(Protocol):
    """What a provider tells while it works. Let its exceptions through."""

    async def progress(self, percent: float, step: str) -> None:
        """How far it is (0 to 100); may be called as often as one likes.

        Raises:
            GivenUp: stop here, and leave the work elsewhere as it is.
        """

    async def submitted(self, provider_job_id: str) -> None:
        """The provider's own name of the work, as soon as it is known: durable on return.

        Raises:
            GivenUp: as of `progress`.
            ProviderError: that is no name.
        """


class Provider(Protocol):
    """Makes videos, here or elsewhere."""

    @property
    def name(self) -> str:
        """As in requests and events."""

    @property
    def model(self) -> str:
        """Model or renderer, as in events."""

    @property
    def abilities(self) -> Abilities:
        """What it can make, and at what price."""

    async def generate(self, order: Order, folder: Path, telling: Telling) -> Rendering:
        """Make a video. Cancelling this stops the work, the provider's too.

        What was told as `submitted` goes on where `leaves_work` says so: the next attempt at this
        provider finds its name in the order, and waits for it.

        Raises:
            ProviderError: no video was made.
        """

    async def probe(self) -> None:
        """Ask the provider for something that costs nothing, to see that it would work.

        Raises:
            ProviderError: it would not.
        """
