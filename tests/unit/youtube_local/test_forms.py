"""Small parts: ids, page tokens, fields, durations, rounded counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.youtube_local import fields, tokens
from infra.youtube_local.draws import Draws, mix, unmix
from infra.youtube_local.errors import ApiError
from infra.youtube_local.ids import Ids
from infra.youtube_local.resources import duration, escaped, rounded

IDS = Ids(Draws(7))


@given(st.integers(0, 2**64 - 1))
def test_scrambling_is_one_to_one(value: int) -> None:
    assert unmix(mix(value)) == value


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_ids_tell_whose_they_are(channel: int, number: int) -> None:
    channel_id, video_id = IDS.channel(channel), IDS.video(channel, number)

    assert len(channel_id) == 24
    assert len(video_id) == 11
    assert IDS.index(channel_id) == channel
    assert IDS.upload(video_id) == (channel, number)


@settings(max_examples=50)
@given(st.text(max_size=30))
def test_what_is_no_id_is_nobody_s(text: str) -> None:
    assert IDS.index(text) is None
    assert IDS.upload(text) is None


@given(st.text(), st.integers(0, 2**32 - 1))
def test_a_page_token_is_good_for_its_own_list(of: str, offset: int) -> None:
    given_token = tokens.token(of, offset)

    assert tokens.offset(of, given_token) == offset
    with pytest.raises(ApiError) as refused:
        tokens.offset(of + "!", given_token)
    assert refused.value.reason == "invalidPageToken"


@pytest.mark.parametrize("text", ["x", "ä", "====", "CAUQAA", "A" * 500])
def test_a_made_up_page_token_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="invalid page token"):
        tokens.offset("list", text)


ANSWER = {
    "kind": "k",
    "items": [{"id": "a", "snippet": {"title": "t", "tags": ["x"]}}, {"id": "b"}],
    "pageInfo": {"totalResults": 2},
}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("kind", {"kind": "k"}),
        ("items/id", {"items": [{"id": "a"}, {"id": "b"}]}),
        ("items(id,snippet/title),kind", {
            "kind": "k", "items": [{"id": "a", "snippet": {"title": "t"}}, {"id": "b"}],
        }),
        ("items(snippet(tags))", {"items": [{"snippet": {"tags": ["x"]}}, {}]}),
        ("pageInfo/*", {"pageInfo": {"totalResults": 2}}),
        ("*", ANSWER),
        ("absent", {}),
    ],
)  # fmt: skip
def test_fields_choose_parts_of_an_answer(asked: str, shown: object) -> None:
    assert fields.only(ANSWER, fields.parse(asked)) == shown


@pytest.mark.parametrize("text", ["items(", "items)", "a,,b", "/a", "a b;", "items(id"])
def test_fields_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Invalid field selection"):
        fields.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "P0D"), (7, "PT7S"), (60, "PT1M"), (3723, "PT1H2M3S"), (86_400, "P1D"),
     (90_061, "P1DT1H1M1S")],
)  # fmt: skip
def test_durations(seconds: int | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, 0), (999, 999), (1234, 1230), (123_456, 123_000), (9_999_999, 9_990_000)],
)
def test_subscribers_have_three_digits(count: int, shown: int) -> None:
    assert rounded(count) == shown


def test_a_search_shows_entities() -> None:
    assert escaped('Dad & "kids" <won\'t>') == "Dad &amp; &quot;kids&quot; &lt;won&#39;t&gt;"
