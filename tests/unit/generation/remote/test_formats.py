from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.generation.providers.formats import Offer
from streams.generation.providers.openai import OpenAIVideos
from streams.generation.providers.provider import ProviderError
from streams.generation.providers.remote import Account
from streams.generation.providers.replicate import Replicate
from streams.generation.providers.runway import Runway
from tests.unit.generation.remote.orders import an_order


def account(model: str) -> Account:
    return Account("http://localhost", "k", model, 0.1)


OFFERS: dict[str, Offer] = {
    "sora-2": OpenAIVideos(account("sora-2")).offer,
    "sora-2-pro": OpenAIVideos(account("sora-2-pro")).offer,
    "gen4.5": Runway(account("gen4.5")).offer,
    "seedance2": Runway(account("seedance2")).offer,
    "seedance-1-lite": Replicate.offer,
}

ABLE = {model: offer.abilities(0.1) for model, offer in OFFERS.items()}

sides = st.integers(32, 128).map(lambda eighths: eighths * 8)
seconds = st.floats(0.5, 60.0)


@given(st.sampled_from(sorted(OFFERS)), sides, sides, seconds, st.text(max_size=20))
def test_what_the_abilities_promise_is_what_can_be_picked(
    model: str, width: int, height: int, length: float, prompt: str
) -> None:
    offer = OFFERS[model]
    order = an_order(width=width, height=height, seconds=length, prompt=prompt)
    able = ABLE[model].can_make(prompt, width, height, length)
    if not 0.5 <= width / height <= 2:  # no request has it
        assert not able
        return
    if not able:
        with pytest.raises(ProviderError):
            offer.pick(order)
        return
    made, paid = offer.pick(order)
    assert made.width >= width
    assert made.height >= height
    assert paid >= length


def test_the_least_of_a_picture_is_lost() -> None:
    def picked(width: int, height: int) -> dict[str, str]:
        return dict(Replicate.offer.pick(an_order(width=width, height=height))[0].asks)

    assert picked(512, 512) == {"resolution": "480p", "aspect_ratio": "1:1"}
    assert picked(1024, 1024) == {"resolution": "1080p", "aspect_ratio": "1:1"}
    assert picked(512, 288) == {"resolution": "480p", "aspect_ratio": "16:9"}
    assert picked(288, 512) == {"resolution": "480p", "aspect_ratio": "9:16"}
    assert picked(640, 480) == {"resolution": "480p", "aspect_ratio": "4:3"}


def test_a_shorter_video_costs_what_the_next_longer_one_costs() -> None:
    abilities = OFFERS["sora-2"].abilities(0.10)
    assert [abilities.cost_usd(length) for length in (0.5, 4.0, 4.1, 12.0)] == [0.4, 0.4, 0.8, 1.2]


def test_prompts_are_counted_as_the_api_counts_them() -> None:
    abilities = OFFERS["gen4.5"].abilities(0.1)
    assert abilities.can_make("é" * 1000, 512, 512, 4.0)
    assert not abilities.can_make("🎬" * 501, 512, 512, 4.0)
    with pytest.raises(ProviderError, match="too long"):
        OFFERS["gen4.5"].pick(an_order(prompt="🎬" * 501))


def test_a_model_that_runway_does_not_have_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="RUNWAY_VIDEO_MODEL is one of"):
        Runway(account("gen9"))
