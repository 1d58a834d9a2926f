"""Places in prompts: filled with facts, and with nothing else."""

from __future__ import annotations

import pytest

from streams.generation.policy.prompt import TEXT_MAX, Prompt, PromptError
from streams.generation.policy.sources import DETECTIONS

ROW = {
    "video_id": "v",
    "title": "A {multiple} {0} %s\n title",
    "multiple": 12.3456,
    "views": 1234567,
}


def filled(text: str) -> str:
    return Prompt(text, DETECTIONS.fields).fill(ROW)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("{{braces}} }}{{", "{braces} }{"),
        ("{multiple}", "12.346"),
        ("{multiple:.1f}x", "12.3x"),
        ("{views:,}", "1,234,567"),
        ("{views}", "1234567"),
        ("of {channel_id}", "of unknown"),
    ],
)
def test_places_are_filled(text: str, wanted: str) -> None:
    assert filled(text) == wanted


def test_what_is_filled_in_is_not_read_again() -> None:
    assert filled("<{title}>") == "<A {multiple} {0} %s title>"


def test_a_long_title_is_cut_and_a_missing_one_is_the_id() -> None:
    prompt = Prompt("{title}", DETECTIONS.fields)
    assert prompt.fill({"title": "x" * 9000, "video_id": "v"}) == "x" * TEXT_MAX
    assert prompt.fill({"title": None, "video_id": "v"}) == "video v"


@pytest.mark.parametrize(
    "text",
    [
        "{title.__class__}",
        "{title[0]}",
        "{title!r}",
        "{0}",
        "{}",
        "{title:>9999999999}",
        "{multiple:{views}}",
        "{multiple:999999999}",
        "{views:.1}",  # whole numbers take no precision without a letter
        "{nobody}",
        "{title",
        "title}",
    ],
)
def test_other_places_are_refused(text: str) -> None:
    with pytest.raises(PromptError):
        Prompt(text, DETECTIONS.fields)
