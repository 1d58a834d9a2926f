from __future__ import annotations

import pytest

from streams.outliers.content.phrases import has_any, plain


@pytest.mark.parametrize(
    ("title", "phrase", "there"),
    [
        ("DOORS is back", "doors", True),
        ("Playing indoors", "doors", False),
        ("indoor fun", "doors", False),
        ("outdoors with doors!", "doors", True),
        ("#doors_roblox", "doors", True),
        ("Roblox   Among\tUs", "among us", True),
        ("Five Nights at Freddy’s 2", "five nights at freddy's", True),
        ("ｄｏｏｒｓ", "doors", True),
        ("𝕯𝖔𝖔𝖗𝖘", "doors", True),
        ("STRASSE", "Straße", True),
        ("我玩原神吧", "原神", True),
        ("DOORS攻略", "doors", True),
        ("ИГРЫ", "игры", True),
        ("игрыяяя", "игры", False),
        ("डोरा", "डोर", False),
        ("rated 18+", "18+", True),
        ("in 2018+", "18+", False),
        ("gta5", "gta", False),
        ("", "doors", False),
    ],
)
def test_phrases_are_found_as_whole_words(title: str, phrase: str, there: bool) -> None:
    assert has_any(plain(title), [phrase]) is there
