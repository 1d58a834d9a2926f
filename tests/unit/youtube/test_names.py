"""What people write when they mean a channel."""

from __future__ import annotations

import pytest

from streams.outliers.youtube.errors import RefusedError
from streams.outliers.youtube.names import Name, kind, names

ID = "UC-9-kyTW8ZkZNDHQJ6FgpwQ"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ID, [Name("id", ID)]),
        (f"  {ID}\n", [Name("id", ID)]),
        (f"http://youtube.com/channel/{ID}?view=0", [Name("id", ID)]),
        ("@a.b-c_d·e", [Name("forHandle", "@a.b-c_d·e")]),
        (
            "https://www.youtube.com/@%E3%82%B2%E3%83%BC%E3%83%A0/videos",
            [Name("forHandle", "@ゲーム")],
        ),
        ("youtube.com/user/GoogleDevelopers", [Name("forUsername", "GoogleDevelopers")]),
        (
            "https://www.youtube.com/c/SomeName",
            [Name("forHandle", "@SomeName"), Name("forUsername", "SomeName")],
        ),
        ("SomeName", [Name("forHandle", "@SomeName"), Name("forUsername", "SomeName")]),
        ("UCshort", [Name("forHandle", "@UCshort"), Name("forUsername", "UCshort")]),
    ],
)
def test_names_of_channels(text: str, found: list[Name]) -> None:
    assert names(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f" {ID} ", "id"),
        ("@name", "handle"),
        ("youtube.com/@name", "address"),
        ("http://name", "address"),
        ("AC/DC", "word"),
        ("Mr. X/Y", "word"),
        ("name", "word"),
        (ID[:-1], "word"),
    ],
)
def test_what_a_text_looks_like(text: str, found: str) -> None:
    assert kind(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "@",
        "two words",
        "AC/DC",
        "a,b",
        "https://www.youtube.com/",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ",
        "https://www.youtube.com/channel/notAnId",
        "https://youtube.com.example.org/@name",
        "ftp://youtube.com/@name",
        "https://[bad/@name",
        "x" * 500,
    ],
)
def test_what_names_no_channel_is_refused_with_examples(text: str) -> None:
    with pytest.raises(RefusedError, match=r"names no channel.*@name") as refused:
        names(text)
    assert refused.value.status == 400
    assert len(str(refused.value)) < 500
