"""What an API offers, and what can be cut from it.

APIs make a few sizes and lengths only. Whatever fits into one of them is asked for in that one and
cut and made smaller here, so that it comes out exactly as ordered; nothing is ever enlarged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.generation.providers.provider import Abilities, Order, ProviderError, utf16_units

# Sizes and proportions that a request may have (streams/generation/jobs/validation.py).
_SIDES = range(256, 1025, 8)
_ASPECT = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Format:
    """A size that an API makes.

    Attributes:
        width, height: in pixels.
        asks: how it is asked for, in the API's own words.
    """

    width: int
    height: int
    asks: Mapping[str, str]

    def holds(self, width: int, height: int) -> bool:
        """Whether that size can be cut from this one."""
        return width <= self.width and height <= self.height

    def kept(self, width: int, height: int) -> float:
        """Part of this picture, 0 to 1, that is seen when it is cut to that size's proportions."""
        ratio = (self.width / self.height) / (width / height)
        return min(ratio, 1 / ratio)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a model makes.

    Attributes:
        formats: sizes, any order.
        lengths: seconds, rising.
        prompt_max: UTF-16 code units that a prompt may have.
    """

    formats: tuple[Format, ...]
    lengths: tuple[int, ...]
    prompt_max: int | None = None

    def abilities(self, usd_per_second: float) -> Abilities:
        """The same as everybody else sees it: sizes and lengths that can be cut from these."""
        sizes = {
            (width, height)
            for width in _SIDES
            for height in _SIDES
            if _ASPECT[0] <= width / height <= _ASPECT[1]
            and any(made.holds(width, height) for made in self.formats)
        }
        return Abilities(
            sizes=frozenset(sizes),
            most_seconds=self.lengths[-1],
            lengths=tuple(float(length) for length in self.lengths),
            prompt_max=self.prompt_max,
            usd_per_second=usd_per_second,
        )

    def pick(self, order: Order) -> tuple[Format, int]:
        """The format that loses least of its picture, then the smallest; the shortest length.

        Raises:
            ProviderError: not retryable; there is none for this order.
        """
        if self.prompt_max is not None and utf16_units(order.prompt) > self.prompt_max:
            raise ProviderError(
                f"the prompt is too long: at most {self.prompt_max} characters", retryable=False
            )
        formats = [made for made in self.formats if made.holds(order.width, order.height)]
        lengths = [length for length in self.lengths if length >= order.seconds]
        if not formats or not lengths:
            raise ProviderError(
                f"{order.width}x{order.height} for {order.seconds:g} s cannot be made",
                retryable=False,
            )
        best = min(
            formats,
            # In tenths: a hundredth of the picture is not worth four times the pixels.
            key=lambda made: (
                -round(10 * made.kept(order.width, order.height)),
                made.width * made.height,
            ),
        )
        return best, lengths[0]
