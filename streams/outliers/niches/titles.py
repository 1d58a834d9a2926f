"""Titles as vectors and as words, in every script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

Floats = NDArray[np.float64]

# Letters with their marks: vowel signs and accents belong to the letter before them.
_MARKS = r"\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff"
_WORD = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*")
_RUN = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")  # digits too
# Scripts that are written without spaces between words: Thai, Lao, Khmer, Myanmar, kana, Han.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_PARTS = (2, 3, 4)  # characters, of a run without spaces that is taken for words
# Characters that titles are compared by. A character says more where words are written with few.
_SPACED_PIECES = (3, 4, 5)
_UNSPACED_PIECES = (1, 2, 3)
_FEWEST_LETTERS = 2


def plain(title: str) -> str:
    """The title with one form for each character (NFKC), without case."""
    return unicodedata.normalize("NFKC", title).casefold()


def letters(title: str) -> str:
    """Its letters and digits alone: what two postings of one title have in common."""
    return "".join(one for one in plain(title) if one.isalnum())


def words(title: str) -> list[str]:
    """Its words; of a run of letters without spaces every two to four neighbours."""
    found: list[str] = []
    for run in _WORD.findall(plain(title)):
        if _UNSPACED.search(run):
            found += [
                run[at : at + size] for size in _PARTS for at in range(len(run) - size + 1)
            ] or [run]
        elif len(run) >= _FEWEST_LETTERS:
            found.append(run)
    return found


def pieces(title: str) -> list[str]:
    """Neighbouring characters within its words, whose beginnings and ends count as characters."""
    found: list[str] = []
    for run in _RUN.findall(plain(title)):
        unspaced = _UNSPACED.search(run)
        text = run if unspaced else f" {run} "
        for size in _UNSPACED_PIECES if unspaced else _SPACED_PIECES:
            found += [text[at : at + size] for at in range(len(text) - size + 1)]
    return found


def similarities(titles: Sequence[str]) -> Floats:
    """Cosines of the titles' TF-IDF vectors of their pieces: (n, n), 0 to 1.

    A title without any piece is like no other.
    """
    vectorizer = TfidfVectorizer(analyzer=pieces, sublinear_tf=True)
    try:
        vectors = vectorizer.fit_transform(titles)
    except ValueError:  # not a single piece: emoji alone
        return np.zeros((len(titles), len(titles)))
    found: Floats = (vectors @ vectors.T).toarray()
    return np.clip(found, 0.0, 1.0)


def telling(titles: Sequence[str], groups: Sequence[Sequence[int]], most: int) -> list[list[str]]:
    """Of each group of titles the words that tell it from all titles, the most telling first.

    By their mean TF-IDF over the group, among the words that two of its titles have at least. A
    piece of a longer one that stands in as many titles is left out.
    """
    vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    try:
        vectors = vectorizer.fit_transform(titles)
    except ValueError:  # not a single word: emoji, numbers
        return [[] for _ in groups]
    names = vectorizer.get_feature_names_out()
    return [_best(vectors[list(group)], names, most) for group in groups]


def _best(vectors: csr_matrix, names: NDArray[np.object_], most: int) -> list[str]:
    titles = np.asarray(vectors.getnnz(axis=0), dtype=np.int64)
    means = np.asarray(vectors.mean(axis=0)).ravel()
    chosen: list[int] = []
    order = sorted(np.flatnonzero(titles >= 2).tolist(), key=lambda at: (-means[at], names[at]))
    for at in order:
        piece = _UNSPACED.search(names[at]) is not None
        if not (piece and any(_part_of(at, other, names, titles) for other in order)):
            chosen.append(at)
        if len(chosen) == most:
            break
    return [str(names[at]) for at in chosen]


def _part_of(at: int, other: int, names: NDArray[np.object_], titles: NDArray[np.int64]) -> bool:
    return at != other and titles[other] >= titles[at] and names[at] in names[other]
