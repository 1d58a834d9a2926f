from __future__ import annotations

import math
from typing import Any

import pytest

from streams.artifacts import ArtifactError
from streams.generation.providers.provider import ProviderError
from streams.generation.work.faults import TEXT_MAX, Fault, fault_of, text


def test_what_a_provider_says_of_its_failure_is_kept() -> None:
    error = ProviderError("full", retryable=True, kind="busy", retry_after=3.0)
    assert fault_of(error, "far") == Fault("full", "busy", True, 3.0)
    assert not fault_of(ProviderError("never", retryable=False), "far").retryable


@pytest.mark.parametrize("wait", [math.nan, math.inf, -math.inf])
def test_a_wait_that_is_no_time_is_none(wait: float) -> None:
    error = ProviderError("full", retryable=True, kind="busy", retry_after=wait)
    assert fault_of(error, "far").retry_after is None


@pytest.mark.parametrize(
    ("error", "message", "kind"),
    [
        (OSError(28, "No space left", "/private/place"), "No space left", None),
        (ArtifactError("v.mp4 was not stored"), "v.mp4 was not stored", None),
        (
            ConnectionRefusedError(111, "no"),
            "far did not answer: ConnectionRefusedError",
            "unreachable",
        ),
        (KeyError("status"), "far broke down: KeyError: 'status'", "failed"),
    ],
)
def test_other_errors_are_told_apart(error: Exception, message: str, kind: Any) -> None:
    fault = fault_of(error, "far")
    assert (fault.message, fault.kind, fault.retryable) == (message, kind, True)
    assert fault.expected == (not isinstance(error, KeyError))


@pytest.mark.parametrize("said", ["", "\0", "a\0b", "\ud800", "\x1b[31mred", "é" * 60, "\x85 \n"])
def test_texts_are_short_and_can_be_stored_and_shown(said: str) -> None:
    kept = text(said, 40)
    assert 0 < len(kept) <= 40
    kept.encode()  # no half of a pair
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in kept)


def test_a_page_of_html_is_cut() -> None:
    assert text("<html>" + "x" * 10**6).endswith("…")
    assert len(text("x" * 10**6)) == TEXT_MAX
