from __future__ import annotations

from typing import Any

import pytest

from streams.generation.policy import calls_for_teaser, teaser_request
from streams.generation.validation import problems
from tests.unit.generation.requests import NOW


def a_detection(**changes: Any) -> dict[str, Any]:
    facts = {
        "video_id": "-vid_1",
        "title": "My   best\nday",
        "format": "long",
        "multiple": 7.25,
        "too_recent": False,
        "insufficient_history": False,
    }
    return facts | changes


def test_a_large_and_certain_detection_calls_for_a_teaser() -> None:
    assert calls_for_teaser(a_detection(), 7.25)


@pytest.mark.parametrize(
    "changes",
    [{"multiple": 7.24}, {"too_recent": True}, {"insufficient_history": True}],
    ids=str,
)
def test_a_small_or_uncertain_one_does_not(changes: dict[str, Any]) -> None:
    assert not calls_for_teaser(a_detection(**changes), 7.25)


def test_a_video_has_one_teaser_however_often_it_is_detected() -> None:
    first = teaser_request(a_detection(), NOW)
    second = teaser_request(a_detection(multiple=9.0, title="renamed"), NOW)
    other = teaser_request(a_detection(video_id="w"), NOW)
    assert first["job_id"] == second["job_id"] != other["job_id"]


def test_the_prompt_is_made_of_the_title() -> None:
    assert teaser_request(a_detection(), NOW)["prompt"] == "My best day - 7.2x the usual views"


@pytest.mark.parametrize("title", [None, "", "x" * 9000, "日本", " "], ids=ascii)
@pytest.mark.parametrize("form", ["short", "long", "unknown"])
def test_the_request_keeps_the_rules(title: str | None, form: str) -> None:
    assert problems(teaser_request(a_detection(title=title, format=form), NOW)) == []


def test_shorts_get_a_tall_teaser() -> None:
    tall, wide = (teaser_request(a_detection(format=form), NOW) for form in ("short", "long"))
    assert tall["width"] < tall["height"]
    assert wide["width"] > wide["height"]
