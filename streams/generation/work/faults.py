"""What went wrong with an attempt, told so that the story can keep it."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import Literal

from streams.artifacts import ArtifactError
from streams.generation.providers.provider import ProviderError

TEXT_MAX = 500  # characters of an error that are kept


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt made no video.

    Attributes:
        kind: as of `ProviderError`; None where the provider is not to blame.
        retryable: whether another attempt may help.
        retry_after: seconds, not negative, that the provider asked to wait, if it did.
        left: as of `ProviderError`.
        expected: False of what nobody provided for: a fault in the program.
    """

    message: str
    kind: Literal["failed", "busy", "unreachable"] | None
    retryable: bool = True
    retry_after: float | None = None
    left: bool = False
    expected: bool = True


def fault_of(error: Exception, provider: str) -> Fault:
    """What an exception out of an attempt with that provider means."""
    match error:
        case ProviderError():
            wait = error.retry_after
            known = wait is not None and math.isfinite(wait)
            after = max(wait, 0.0) if wait is not None and known else None
            return Fault(text(error), error.kind, error.retryable, after, error.left)
        case ArtifactError():
            return Fault(text(error), None)
        case ConnectionError() | TimeoutError():
            return Fault(f"{provider} did not answer: {type(error).__name__}", "unreachable")
        case OSError():
            # Without the path: it says nothing to whoever asked for the video.
            return Fault(text(error.strerror or error), None)
        case _:
            what = f"{type(error).__name__}: {error}"
            return Fault(text(f"{provider} broke down: {what}"), "failed", expected=False)


def text(said: object, most: int = TEXT_MAX) -> str:
    """What somebody else said, without what neither PostgreSQL nor a terminal takes."""
    plain = (
        " " if unicodedata.category(letter) in ("Cc", "Cs") else letter
        for letter in str(said)[: most + 1]
    )
    kept = "".join(plain).strip()
    return f"{kept[: most - 1]}…" if len(kept) > most else kept or type(said).__name__
