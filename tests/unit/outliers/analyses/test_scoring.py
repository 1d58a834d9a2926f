from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.outliers.analyses.events import ChannelDiscovered
from streams.outliers.analyses.exclusion import games, phrases_of
from streams.outliers.analyses.ranking import best
from streams.outliers.analyses.request import Asked
from streams.outliers.analyses.scoring import analyzed, brand_fit, score
from streams.outliers.content.shapes import Capitals, defaults
from streams.outliers.youtube.shapes import Video
from tests.unit.outliers.analyses.a_world import NOW

FIT = defaults().brand_fit
CHANNEL = ChannelDiscovered("UC1", "Channel", 10_000, "funny games", "UU1")


def asked(threshold: float = 20.0) -> Asked:
    return Asked(outlier_threshold=threshold, content=defaults(), requested_at=NOW)


def video(number: int, views: int | None, title: str = "Funny family!!") -> Video:
    return Video(
        f"v{number:03d}", "UC1", title, "", (), NOW, 60, "20", views, None, None, "none", ""
    )


@pytest.mark.parametrize(
    ("title", "description", "fit"),
    [
        ("A quiet day", "", 5.0),
        ("A funny day", "", 6.0),
        ("Best moments, funny ones", "", 6.0),  # once, whichever of the words there are
        ("My reaction", "", 5.5),
        ("She reacts", "", 5.5),
        ("The family plays", "", 6.0),
        ("Kids only", "", 6.0),
        ("Kidnapped", "", 5.0),
        ("What?!", "", 5.5),
        ("What！？", "", 5.5),
        ("What!", "", 5.0),
        ("WOW what a day", "", 5.5),
        ("I am A B C", "", 5.0),  # one letter is no word in capitals
        ("ДЕТИ дома", "", 5.5),
        ("For adults", "", 3.0),
        ("Horror night", "", 4.0),
        ("Funny horror night", "", 6.0),
        ("A day", "Rated 18+", 3.0),
        ("A day", "For mature people", 3.0),
        ("Mature horror for adults", "mature 18+", 0.0 + 5 - 2 - 1 - 2),
        ("FUNNY family reaction!!", "", 8.5),
        ("", "", 5.0),
    ],
)
def test_brand_fit(title: str, description: str, fit: float) -> None:
    assert brand_fit(title, description, FIT) == fit


@given(st.text(), st.text())
def test_brand_fit_is_from_0_to_10_whatever_the_text(title: str, description: str) -> None:
    assert 0 <= brand_fit(title, description, FIT) <= 10


def test_brand_fit_is_configurable() -> None:
    assert brand_fit("WOW", "", replace_fit(capitals=Capitals(letters=4, points=2))) == 5.0
    assert brand_fit("WOWW", "", replace_fit(capitals=Capitals(letters=4, points=2))) == 7.0


def replace_fit(**changed: object) -> object:
    return FIT.model_copy(update=changed)


def test_score_is_views_per_hundred_subscribers() -> None:
    assert score(2_500, 10_000) == 25.0


@pytest.mark.parametrize("threshold", [10.0, 15.0, 19.9, 20.0, 100.0])
def test_every_threshold_has_an_effect(threshold: float) -> None:
    at = round(threshold * 100)  # views whose score is the threshold
    videos = [video(1, at), video(2, at + 1), video(3, 0)]
    kept = json.loads(analyzed(CHANNEL, videos, asked(threshold), ()).results)
    assert [one["video_id"] for one in kept] == ["v002"]


def test_what_is_hidden_excluded_or_unfit_is_not_kept() -> None:
    videos = [
        video(1, None),
        video(2, 9_000, "Funny DOORS family!!"),
        video(3, 9_000, "Funny indoors family!!"),
        video(4, 9_000, "A quiet day"),
        video(5, 9_000, '=HYPERLINK("x") funny family'),
    ]
    kept = json.loads(analyzed(CHANNEL, videos, asked(), ("doors",)).results)
    assert [one["video_id"] for one in kept] == ["v003", "v005"]
    assert kept[1]["title"].startswith("=HYPERLINK")


def test_a_channel_that_cannot_be_scored_says_why() -> None:
    enough = [video(number, 9_000) for number in range(3)]
    assert analyzed(CHANNEL, enough, asked(), ()).skipped is None
    hidden = analyzed(replace(CHANNEL, subscribers=None), enough, asked(), ())
    assert hidden.skipped is not None
    assert "hides" in hidden.skipped
    none = analyzed(replace(CHANNEL, subscribers=0), enough, asked(), ())
    assert none.skipped is not None
    few = analyzed(CHANNEL, enough[:2], asked(), ())
    assert few.skipped == "has 2 recent videos; 3 are needed"
    music = [replace(one, category="10") for one in enough[:2]]
    assert analyzed(CHANNEL, [*music, enough[2]], asked(), ()).skipped is not None
    assert analyzed(CHANNEL, [*music[:1], *enough[1:]], asked(), ()).skipped is None


def test_games_of_titles_and_their_phrases() -> None:
    content = defaults()
    found = games(["Indoor FNAF", "We like doors"], content.game_patterns)
    assert found == ("Doors", "Five Nights at Freddy's")
    assert phrases_of(found, content) == ("doors", "five nights at freddy's", "fnaf")
    always = content.model_copy(update={"exclusion_patterns": ("trailer",)})
    assert phrases_of((), always) == ("trailer",)


@given(st.permutations(range(80)))
def test_the_best_are_the_same_in_whatever_order_they_came(order: list[int]) -> None:
    kept = [{"video_id": f"v{number:03d}", "score": float(number // 4)} for number in order]
    found = [one["video_id"] for one in best(kept)]
    assert len(found) == 50
    assert found[:5] == ["v076", "v077", "v078", "v079", "v072"]
