from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.generation.health.state import UNKNOWN, ProviderHealth, Status
from streams.generation.jobs.events import ProviderChosen
from streams.generation.providers.provider import Abilities
from streams.generation.routing.choice import Refusal, choose
from tests.unit.generation.requests import NOW, queued

SIZES = [(256, 256), (512, 512)]
NAMES = ["local", "near", "far", "cheap"]
HELD = ProviderHealth(status="unhealthy", held=True, open_until=NOW + dt.timedelta(seconds=9))


@dataclass(frozen=True)
class Offering:
    abilities: Abilities
    model: str = "m"


def offer(usd: float = 0.0, **abilities: object) -> Offering:
    return Offering(Abilities(usd_per_second=usd, seeded=True, **abilities))  # type: ignore[arg-type]


def chosen(*args: object, avoid: Collection[str] = (), **options: object) -> tuple[str, str]:
    choice = choose(*args, avoid=avoid, **options)  # type: ignore[arg-type]
    assert isinstance(choice, ProviderChosen)
    return choice.provider, choice.reason


TWO = {"far": offer(0.5), "local": offer()}


@pytest.mark.parametrize(
    ("asked", "options", "expected"),
    [
        (queued(), {}, ("local", "cheapest")),
        (queued(), {"by": "preference"}, ("far", "first of the list")),
        (queued(provider="far"), {}, ("far", "asked for")),
        (
            queued(provider="far"),
            {"avoid": ["far"]},
            ("local", "cheapest; far was asked for and was tried"),
        ),
        (
            queued(provider="nobody"),
            {},
            ("local", "cheapest; nobody was asked for and is not configured"),
        ),
        (
            queued(provider="far"),
            {"budget_usd": 0.1},
            (
                "local",
                "the only one that is able; far was asked for and costs 0.25 USD, "
                "and 0.10 USD are left",
            ),
        ),
    ],
)
def test_choices_and_their_reasons(
    asked: object, options: dict[str, object], expected: tuple[str, str]
) -> None:
    assert chosen(asked, TWO, {}, **options) == expected


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({"local": HELD}, ("far", "cheapest")),
        ({"local": ProviderHealth(status="degraded")}, ("far", "cheapest")),
        (
            {"local": ProviderHealth(status="degraded"), "far": ProviderHealth(status="unhealthy")},
            ("local", "no other is better: it is degraded"),
        ),
        ({"local": HELD, "far": ProviderHealth(status="unhealthy")}, None),
    ],
)
def test_open_ones_are_out_and_the_less_well_last(
    health: dict[str, ProviderHealth], expected: tuple[str, str] | None
) -> None:
    expected = expected or ("far", "no other is better: it is unhealthy")
    assert chosen(queued(), TWO, health) == expected


def test_who_asks_for_a_degraded_provider_gets_it() -> None:
    health = {"far": ProviderHealth(status="degraded")}
    assert chosen(queued(provider="far"), TWO, health)[0] == "far"


def test_a_seed_that_was_asked_for_needs_a_provider_that_keeps_it() -> None:
    unseeded = replace(offer(), abilities=Abilities(seeded=False))
    providers = {"far": unseeded, "local": offer(9.0)}
    assert chosen(queued(seed=None), providers, {})[0] == "far"
    assert chosen(queued(seed=0), providers, {}) == ("local", "the only one that is able")
    assert chosen(queued(seed=0, provider="far"), providers, {}) == ("far", "asked for")


def test_the_price_is_that_of_the_length_that_is_sold() -> None:
    providers = {"far": offer(0.5, lengths=(4.0, 8.0)), "near": offer(0.6, lengths=(1.0,))}
    choice = choose(queued(duration_s=1.0), providers, {})
    assert isinstance(choice, ProviderChosen)
    assert (choice.provider, choice.cost_usd) == ("near", 0.6)


def test_what_nobody_can_make_is_refused_with_every_reason() -> None:
    providers = {
        "short": offer(most_seconds=0.4),
        "wide": offer(sizes=frozenset({(512, 256)})),
        "terse": offer(prompt_max=5),
    }
    refusal = choose(queued(), providers, {})
    assert refusal == Refusal(
        "no provider can make it: short makes at most 0.4 s; wide does not make 256x256; "
        "terse takes prompts of at most 5 characters"
    )
    assert choose(queued(), {}, {}) == Refusal("no provider is configured")


abilities = st.builds(
    Abilities,
    sizes=st.none() | st.frozensets(st.sampled_from(SIZES)),
    most_seconds=st.sampled_from([1.0, 10.0]),
    seeded=st.booleans(),
    usd_per_second=st.sampled_from([0.0, 0.1, 0.5]),
)
catalogues = st.dictionaries(st.sampled_from(NAMES), st.builds(Offering, abilities))
healths = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(ProviderHealth, status=st.sampled_from(get_args(Status)), held=st.booleans()),
)
requests = st.builds(
    queued,
    width=st.sampled_from([256, 512]),
    height=st.sampled_from([256, 512]),
    duration_s=st.sampled_from([0.5, 5.0]),
    seed=st.none() | st.just(1),
    provider=st.none() | st.sampled_from([*NAMES, "gone"]),
)


@given(
    requests,
    catalogues,
    healths,
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from(["cost", "preference"]),
    st.none() | st.sampled_from([0.0, 0.3]),
)
def test_a_choice_is_able_and_no_able_one_is_better(  # type: ignore[no-untyped-def]
    asked, providers, health, avoid, by, budget
) -> None:
    def able(name: str) -> bool:
        can = providers[name].abilities
        return (
            (can.sizes is None or (asked.width, asked.height) in can.sizes)
            and asked.duration_s <= can.most_seconds
            and (asked.seed is None or can.seeded or asked.provider == name)
            and (budget is None or can.usd_per_second * asked.duration_s <= budget)
        )

    def free(name: str) -> bool:
        return name not in avoid and not health.get(name, UNKNOWN).held

    choice = choose(asked, providers, health, avoid=avoid, by=by, budget_usd=budget)
    candidates = {name for name in providers if able(name)}
    if not candidates:
        assert isinstance(choice, Refusal)
        return
    assert isinstance(choice, ProviderChosen)
    assert choice.provider in candidates
    assert choice.reason
    assert choice.cost_usd == pytest.approx(
        providers[choice.provider].abilities.usd_per_second * asked.duration_s
    )
    at_hand = {name for name in candidates if free(name)}
    if not at_hand:
        return
    assert choice.provider in at_hand
    if asked.provider in at_hand:
        assert choice.provider == asked.provider
        return
    status = health.get(choice.provider, UNKNOWN).status
    well = {name for name in at_hand if health.get(name, UNKNOWN).status in ("healthy", "unknown")}
    assert (status in ("healthy", "unknown")) == bool(well)
    for name in well:
        if by == "cost":
            assert (
                providers[choice.provider].abilities.usd_per_second
                <= providers[name].abilities.usd_per_second
            )
        else:
            assert list(providers).index(choice.provider) <= list(providers).index(name)
