"""What words are worth: found where they say something, and never from a channel's own videos."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from streams.virality.models import words

COUNT = 600


def _texts(seed: int = 1) -> tuple[pl.DataFrame, np.ndarray, pl.Series]:
    """Trailers do better by 1, a tag by 0.5; every channel says a word of its own."""
    random = np.random.default_rng(seed)
    trailer, tagged = random.random(COUNT) < 0.4, random.random(COUNT) < 0.4
    channel = np.arange(COUNT) % 20
    texts = pl.DataFrame(
        {
            "title": [
                f"{'TRAILER' if is_trailer else 'song'}, channel{of}"
                for is_trailer, of in zip(trailer, channel, strict=True)
            ],
            "tags": [["Big One"] if is_tagged else [] for is_tagged in tagged],
        }
    )
    level = random.normal(0, 2, 20)
    target = 5.0 + trailer + 0.5 * tagged + level[channel]
    return texts, target, pl.Series([f"c{of}" for of in channel])


def test_words_and_tags_are_told_apart_and_come_once() -> None:
    texts = pl.DataFrame(
        {"title": ["Go go GO 世界", ""], "tags": [["Go", "two words"], None]},
        schema={"title": pl.String, "tags": pl.List(pl.String)},
    )
    said = words.tokens(texts)
    assert said["token"].to_list() == ["#go", "#two words", "go", "世界"]
    assert said["row"].to_list() == [0] * 4
    assert said["share"].to_list() == [0.5] * 4


def test_they_find_the_least_squares() -> None:
    texts, target, _ = _texts()
    weight = np.ones(COUNT)
    said = words.tokens(texts)
    learnt = words.learn(said, target, weight)
    # The same ridge by a dense solver.
    vocabulary = learnt.worth["token"].to_list()
    dense = np.zeros((COUNT, len(vocabulary)))
    for row, token, share in said.rows():
        dense[row, vocabulary.index(token)] = share
    solved = np.linalg.solve(
        dense.T @ dense + words.PENALTY * np.eye(len(vocabulary)),
        dense.T @ (target - target.mean()),
    )
    assert len(vocabulary) == 23
    assert learnt.predict(said, COUNT) == pytest.approx(dense @ solved + target.mean(), abs=0.02)


def test_out_of_fold_a_channels_own_word_says_nothing() -> None:
    texts, target, channel = _texts()
    said, weight = words.tokens(texts), np.ones(COUNT)
    inside = words.learn(said, target, weight).predict(said, COUNT)
    outside = words.out_of_fold(said, target, weight, channel)
    assert np.corrcoef(inside, target)[0, 1] > 0.9
    mean_by_channel = pl.DataFrame({"c": channel, "p": outside, "t": target}).group_by("c").mean()
    assert abs(np.corrcoef(mean_by_channel["p"], mean_by_channel["t"])[0, 1]) < 0.7
    # and the target of a channel's own videos moves none of its predictions
    mine = (channel == "c3").to_numpy()
    moved = words.out_of_fold(said, np.where(mine, 99.0, target), weight, channel)
    assert moved[mine] == pytest.approx(outside[mine])
    assert moved[~mine] != pytest.approx(outside[~mine])


def test_rows_without_weight_are_not_learnt_from() -> None:
    texts, target, _ = _texts()
    said, weight = words.tokens(texts), (np.arange(COUNT) < 300).astype(float)
    first = words.learn(said, target, weight)
    second = words.learn(said, np.where(weight > 0, target, -1e6), weight)
    assert first.base == pytest.approx(second.base)
    assert first.worth.equals(second.worth)


def test_words_that_nobody_knows_leave_the_base() -> None:
    texts, target, _ = _texts()
    said = words.tokens(texts)
    learnt = words.learn(said, target, np.ones(COUNT))
    unknown = words.tokens(pl.DataFrame({"title": ["unheard of", ""], "tags": [["x"], []]}))
    assert learnt.predict(unknown, 2).tolist() == [learnt.base] * 2
    few = words.learn(words.tokens(texts[:3]), target[:3], np.ones(3))
    assert few.worth.is_empty()
    assert few.predict(said[:5], COUNT) == pytest.approx(np.full(COUNT, target[:3].mean()))
