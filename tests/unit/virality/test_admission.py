"""A model whose own card speaks against it is doubted, in words."""

from __future__ import annotations

from typing import Any

import pytest

from streams.virality.registry.admission import doubts


def stage(**changes: Any) -> dict[str, Any]:
    return {"mae": 0.1, "coverage": 0.9, "baselines": {"rule": 0.2, "other": 0.11}, **changes}


@pytest.mark.parametrize("coverage", [0.80, 0.9, 0.97])
def test_better_than_every_rule_with_a_band_that_holds_is_good_enough(coverage: float) -> None:
    assert doubts({"before": stage(), "after": stage(coverage=coverage)}) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mae": 0.12}, "mean error 0.1200 (log10 views) is no better than the 0.1100 of the rule"),
        ({"mae": 0.11}, "'other'"),
        ({"mae": float("nan")}, "'rule'"),
        ({"coverage": 0.7999}, "holds 80.0%, not 80% to 97%"),
        ({"coverage": 0.98}, "holds 98.0%"),
        ({"coverage": float("nan")}, "holds nan%"),
        ({"baselines": None}, "no figures"),
        ({"mae": None}, "no figures"),
    ],
)
def test_what_is_not_is_said_of_each_stage(change: dict[str, Any], said: str) -> None:
    found = doubts({"before": stage(**change), "after": stage()})
    assert found
    assert said in " ".join(found)
    assert all(doubt.startswith("before publication: ") for doubt in found)
    both = doubts({"before": stage(**change), "after": stage(**change)})
    assert len(both) == 2 * len(found)


def test_a_model_without_a_card_is_doubted() -> None:
    assert len(doubts({})) == 2
    assert len(doubts({"before": stage(), "after": "good"})) == 1
