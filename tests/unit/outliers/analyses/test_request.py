from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streams.outliers.analyses.request import AnalysisRequest


def test_both_spellings_are_understood() -> None:
    camel = AnalysisRequest.model_validate({"minSubs": 5000, "exclusionChannels": ["@a", "@a"]})
    assert camel.min_subs == 5000
    assert camel.competitors == ("@a",)
    assert AnalysisRequest.model_validate(camel.model_dump()) == camel


@pytest.mark.parametrize(
    "bad",
    [
        {"minSubs": 999},
        {"maxSubs": 9_999},
        {"minSubs": 20_000, "maxSubs": 20_000},
        {"maxSubs": 10**12 + 1},
        {"minSubs": 10**19, "maxSubs": 10**20},
        {"timeWindow": 0},
        {"timeWindow": 31},
        {"outlierThreshold": 9.99},
        {"outlierThreshold": 100.1},
        {"outlierThreshold": float("nan")},
        {"exclusionChannels": [" "]},
        {"exclusionChannels": ["a\nb"]},
        {"exclusionChannels": ["a"] * 51},
        {"minimum": 5000},
    ],
)
def test_what_breaks_a_rule_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AnalysisRequest.model_validate(bad)
