"""Cursors: they come back as they were, and nothing else is taken for one."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError
from api.shapes.paging import Keyset, instant

KEY = Keyset("things", at=instant, size=float, name=str)


@given(
    st.datetimes(timezones=st.just(dt.UTC)),
    st.floats(allow_nan=False),
    st.text() | st.none(),
)
def test_a_cursor_comes_back_as_it_was(at: dt.datetime, size: float, name: str | None) -> None:
    cursor = KEY.cursor([{"at": at, "size": size, "name": name}], limit=1)
    assert KEY.after(cursor) == {
        "after": True,
        "after_at": at,
        "after_size": size,
        "after_name": name,
    }


def test_the_last_page_has_none_and_without_one_nothing_is_left_out() -> None:
    assert KEY.cursor([], 5) is None
    assert KEY.cursor([{"at": None, "size": 1.0, "name": ""}], 2) is None
    assert KEY.after(None)["after"] is False


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nonsense",
        encoded(5),
        encoded(["other", "2026-01-01T00:00:00+00:00", "1.0", "a"]),
        encoded(["things", "2026-01-01T00:00:00+00:00", "1.0"]),
        encoded(["things", "yesterday", "1.0", "a"]),
        encoded(["things", "2026-01-01T00:00:00+00:00", "many", "a"]),
        encoded(["things", "2026-01-01T00:00:00+00:00", "1.0", 5]),
        encoded(["things", "2026-01-01T00:00:00+00:00", "1.0", "\ud800"]),
        base64.urlsafe_b64encode(b"[" * 1400).decode(),
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(wrong: str) -> None:
    with pytest.raises(ApiError) as refused:
        KEY.after(wrong)
    assert (refused.value.status, refused.value.code) == (400, "UNKNOWN_CURSOR")


@given(st.text(max_size=40))
def test_any_text_is_refused_politely(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        KEY.after(text)
    assert refused.value.status == 400
