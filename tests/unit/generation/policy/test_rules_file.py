"""Files of rules: what they may say, and how a mistake is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.settings import Settings
from streams.generation.policy.rules_file import PER_HOUR, RulesError, read, rules_of

GOOD = """
# Shorts that run away from their channel.
[[rule]]
name = "short-teasers"
source = "detections"
per_hour = 4
when.multiple = { at_least = 5.0 }
when.format = { one_of = ["short"] }
when.category = { none_of = ["News"] }
request.prompt = "{title} - {multiple:.1f}x"
request.width = 288
request.height = 512

[[rule]]
name = "hot-now"
source = "scores"
dry_run = true
max_age_hours = 6

[rule.when]
score.at_least = 90
velocity = { at_least = 1_000 }

[rule.request]
prompt = "{title} at {score:.0f}"
priority = "default"
quality = "low"
num_steps = 10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def test_rules_are_read_in_their_order(tmp_path: Path) -> None:
    first, second = read(written(tmp_path, GOOD))
    assert (first.name, first.source.name, first.per_hour, first.dry_run) == (
        "short-teasers", "detections", 4, False,
    )  # fmt: skip
    assert [one.field for one in first.conditions] == ["multiple", "format", "category"]
    assert first.request == {"width": 288, "height": 512, "priority": "low"}
    assert first.needs_facts
    assert (second.dry_run, second.max_age_hours, second.per_hour) == (True, 6, PER_HOUR)
    assert second.request["priority"] == "default"


MISTAKES = [
    ('name = "short-teasers"', 'name = "Short Teasers"', 4, "name: has 1 to 40 small letters"),
    ('source = "detections"', "", 3, "source: is missing"),
    ('source = "detections"', 'source = "views"', 5, "source: "),
    ("per_hour = 4", "per_hour = 0", 6, "per_hour: "),
    ("per_hour = 4", "per_hours = 4", 6, "per_hours: there is no such key; did you mean per_hour?"),
    ("when.multiple", "when.multipel", 7, "when.multipel: detections have no such field; did you"),
    ("{ at_least = 5.0 }", "{ at_least = nan }", 7, "when.multiple.at_least: "),
    ("{ at_least = 5.0 }", '{ at_least = "5" }', 7, "when.multiple.at_least: "),
    ("{ at_least = 5.0 }", '{ one_of = ["5"] }', 7, "is a number; it takes at_least or at_most"),
    ("{ at_least = 5.0 }", "5.0", 7, "when.multiple: is written like { at_least = 5.0 }"),
    ("{ at_least = 5.0 }", "{ atleast = 5.0 }", 7, "did you mean at_least?"),
    ("{ at_least = 5.0 }", "{ at_least = 5, at_most = 4 }", 7, "nothing could meet it"),
    ('{ one_of = ["short"] }', "{ at_least = 3 }", 8, "is a text; it takes one_of or none_of"),
    ('{ one_of = ["short"] }', "{ one_of = [] }", 8, "when.format.one_of: "),
    ("- {multiple:.1f}x", "- {multipel}", 10, "request.prompt: {multipel} cannot be filled"),
    ('"{title} - {multiple:.1f}x"', '" "', 10, "request.prompt: has 1 to 5000 characters"),
    ("request.width = 288", "request.width = 289", 11, "request.width: is a multiple of 8"),
    ("request.width = 288\n", "", 10, "request: give both width and height"),
    ("num_steps = 10", "num_steps = 40", 28, "low quality takes at most 30 steps"),
    ('priority = "default"', 'priority = "soon"', 26, "request.priority: is one of high"),
    ('priority = "default"', 'colour = "red"', 26, "request.colour: there is no such key"),
    ("score.at_least = 90", "multiple.at_least = 90", 21, "scores have no such field"),
    ('"hot-now"', '"short-teasers"', 15, "name: another rule has this name"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    MISTAKES,
    ids=[f"{wrong}: {m}" for _, wrong, _, m in MISTAKES],
)
def test_a_mistake_is_told_with_its_line_and_how_to_mend_it(
    tmp_path: Path, right: str, wrong: str, line: int, message: str
) -> None:
    assert right in GOOD
    path = written(tmp_path, GOOD.replace(right, wrong))
    with pytest.raises(RulesError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line {line}, rule ")
    assert message in str(caught.value)


def test_every_mistake_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("per_hour = 4", "per_hour = 0").replace("score.at_least", "socre.at_least")
    with pytest.raises(RulesError) as caught:
        read(written(tmp_path, text))
    assert str(caught.value).count(", line ") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]\n", "is no TOML"),
        ("[[rules]]\n", "rules: rules are written as"),
        ("rule = 3\n", "rules are written as"),
        ("rule = [3]\n", "rules are written as"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RulesError, match=r"rules\.toml") as caught:
        read(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"GENERATION_RULES: .*none\.toml: No such file"):
        read(tmp_path / "none.toml")


def test_an_empty_file_has_no_rules(tmp_path: Path) -> None:
    assert read(written(tmp_path, "# nothing yet\n")) == ()


def test_the_short_setting_is_a_rule_beside_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)

    def settings(multiple: float | None, rules: Path | None) -> Settings:
        return Settings(_env_file=None, teaser_multiple=multiple, generation_rules=rules)

    assert rules_of(settings(None, None)) == ()
    assert [rule.name for rule in rules_of(settings(3.0, path))] == [
        "teasers", "short-teasers", "hot-now",
    ]  # fmt: skip
    path.write_text(GOOD.replace("short-teasers", "teasers"))
    with pytest.raises(RulesError, match="TEASER_MULTIPLE"):
        rules_of(settings(3.0, path))


def test_the_rules_of_the_docs_can_be_understood(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "generation.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert [rule.name for rule in read(written(tmp_path, text))] == ["short-teasers", "hot-now"]
