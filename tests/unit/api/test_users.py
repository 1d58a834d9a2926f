from __future__ import annotations

import asyncio

import pytest

from api.errors import ApiError
from api.users import LONGEST_USER, as_meant, asker


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("anna", "utf-8"),
        ("Zoë", "utf-8"),
        ("Zoë", "latin-1"),
        ("家族", "utf-8"),
        ("🎮", "utf-8"),
    ],
)
def test_a_user_has_the_name_that_was_sent(name: str, encoding: str) -> None:
    sent = name.encode(encoding).decode("latin-1")  # as the server hands headers on
    assert as_meant(sent) == name
    assert asyncio.run(asker(sent)).name == name


def test_the_length_of_a_name_is_in_characters() -> None:
    sent = ("家" * LONGEST_USER).encode().decode("latin-1")
    assert asyncio.run(asker(sent)).user_id == "家" * LONGEST_USER
    with pytest.raises(ApiError, match=r"at most 200 characters") as refused:
        asyncio.run(asker(sent + "x"))
    assert refused.value.status == 422
