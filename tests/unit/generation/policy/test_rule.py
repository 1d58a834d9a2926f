"""What calls for a video, and which video that is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from streams.generation.jobs.validation import problems
from streams.generation.policy.prompt import Prompt
from streams.generation.policy.rule import Condition, Rule
from streams.generation.policy.rules_file import teasers
from streams.generation.policy.sources import DETECTIONS, SCORES, Source
from tests.unit.generation.policy.events import a_detection, a_score, detections, scores
from tests.unit.generation.requests import NOW

TEASERS = teasers(7.25)
KNOWN = pl.DataFrame(
    {"video_id": ["v-1"], "title": ["A song"], "category": ["Music"], "language": [None]},
    schema_overrides={"language": pl.String},
).with_columns(duration_s=pl.lit(61, dtype=pl.Int64))


def a_rule(source: Source, *conditions: Condition, **changes: Any) -> Rule:
    prompt = Prompt("{video_id}", source.fields)
    return replace(Rule("a-rule", source, conditions, prompt, {}, 5), **changes)


def called(rule: Rule, events: pl.DataFrame) -> list[str]:
    return events.filter(rule.calls(pl.lit(NOW)))["video_id"].to_list()


def test_a_large_and_certain_detection_calls_for_a_teaser() -> None:
    assert called(TEASERS, detections(a_detection())) == ["-vid_1"]


@pytest.mark.parametrize(
    "changes",
    [{"multiple": 7.24}, {"too_recent": True}, {"insufficient_history": True}],
    ids=str,
)
def test_a_small_or_uncertain_one_does_not(changes: dict[str, Any]) -> None:
    assert called(TEASERS, detections(a_detection(**changes))) == []


def test_a_retraction_calls_for_nothing_whatever_the_rule_says() -> None:
    rule = replace(TEASERS, include_uncertain=True)
    back = detections(a_detection(verdict="retracted"))
    assert called(TEASERS, back) == called(rule, back) == []


def test_an_uncertain_one_does_where_the_rule_says_so() -> None:
    rule = replace(TEASERS, include_uncertain=True)
    assert called(rule, detections(a_detection(too_recent=True))) == ["-vid_1"]


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (Condition("multiple", at_least=7.25), True),
        (Condition("multiple", at_least=7.26), False),
        (Condition("multiple", at_most=7.25), True),
        (Condition("multiple", at_most=7.24), False),
        (Condition("age_s", at_least=1, at_most=108_000), True),
        (Condition("format", one_of=("short", "long")), True),
        (Condition("format", one_of=("short",)), False),
        (Condition("channel_id", none_of=("c-1",)), False),
        (Condition("channel_id", none_of=("c-2",)), True),
        (Condition("too_recent", wanted=False), True),
        (Condition("too_recent", wanted=True), False),
    ],
    ids=str,
)
def test_conditions(condition: Condition, met: bool) -> None:
    rule = a_rule(DETECTIONS, condition)
    assert bool(called(rule, detections(a_detection()))) is met


@pytest.mark.parametrize(
    "condition",
    [Condition("title", one_of=("x",)), Condition("title", none_of=("x",))],
    ids=str,
)
def test_what_is_not_known_meets_no_condition(condition: Condition) -> None:
    assert called(a_rule(DETECTIONS, condition), detections(a_detection(title=None))) == []


def test_scores_call_by_score_and_velocity() -> None:
    rule = a_rule(SCORES, Condition("score", at_least=90), Condition("velocity", at_least=1_000))
    events = scores(
        a_score(),
        a_score(video_id="slow", velocity=999.0),
        a_score(video_id="low", score=89.9),
        a_score(video_id="nan", score=float("nan")),
    )
    assert called(rule, events) == ["v-1"]


def test_old_events_call_for_nothing_where_the_rule_says_so() -> None:
    rule = a_rule(SCORES, max_age_hours=2.0)
    old, young = NOW - dt.timedelta(hours=2, seconds=1), NOW - dt.timedelta(hours=2)
    events = scores(a_score(video_id="old", as_of=old), a_score(video_id="young", as_of=young))
    assert called(rule, events) == ["young"]
    assert called(replace(rule, max_age_hours=None), events) == ["old", "young"]


def test_facts_of_the_tables_confirm_or_not() -> None:
    music = a_rule(SCORES, Condition("category", one_of=("Music",)))
    spoken = a_rule(SCORES, Condition("language", none_of=("de",)))
    events = scores(a_score(), a_score(video_id="v-2")).join(KNOWN, on="video_id", how="left")
    assert music.needs_facts
    assert music.confirmed(events)["video_id"].to_list() == ["v-1"]
    assert spoken.confirmed(events).is_empty()
    assert not TEASERS.needs_facts


def test_a_rule_has_one_job_per_video_and_another_rule_another() -> None:
    first = TEASERS.request_for(a_detection(), NOW)
    second = TEASERS.request_for(a_detection(multiple=9.0, title="renamed"), NOW)
    other = TEASERS.request_for(a_detection(video_id="w"), NOW)
    by_another = a_rule(DETECTIONS).request_for(a_detection(), NOW)
    assert first["job_id"] == second["job_id"]
    assert len({first["job_id"], other["job_id"], by_another["job_id"]}) == 3


def test_a_teaser_s_prompt_is_made_of_the_title() -> None:
    request = TEASERS.request_for(a_detection(), NOW)
    assert request["prompt"] == "My best day - 7.2x the usual views"
    assert (request["user_id"], request["priority"]) == ("policy:teasers", "low")


@pytest.mark.parametrize("title", [None, "", "x" * 9000, "日本", " "], ids=ascii)
@pytest.mark.parametrize("form", ["short", "long", "unknown"])
def test_a_teaser_s_request_keeps_the_rules(title: str | None, form: str) -> None:
    assert problems(TEASERS.request_for(a_detection(title=title, format=form), NOW)) == []


def test_shorts_get_a_tall_video_unless_the_rule_says_otherwise() -> None:
    tall, wide = (TEASERS.request_for(a_detection(format=f), NOW) for f in ("short", "long"))
    assert tall["width"] < tall["height"]
    assert wide["width"] > wide["height"]
    own = replace(TEASERS, request={"width": 256, "height": 256})
    assert own.request_for(a_detection(format="short"), NOW)["height"] == 256
