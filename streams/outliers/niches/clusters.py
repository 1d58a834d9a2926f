"""Outliers at one time, grouped by what their titles are about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching
from sklearn.cluster import AgglomerativeClustering

from streams.outliers.niches.titles import Floats, letters, similarities, telling

ALIKE = 0.25  # mean cosine of two groups of titles that become one
SAME = 0.85  # cosine of two titles that are one story told twice
FEWEST = 3  # channels
TERMS = 5


@dataclass(frozen=True)
class Member:
    """A video that is an outlier.

    Attributes:
        event_id: of its first detection that holds.
        at: time of that detection.
        multiple: of its newest.
    """

    video_id: str
    channel_id: str
    title: str
    event_id: str
    at: dt.datetime
    multiple: float


@dataclass(frozen=True)
class Cluster:
    """Outliers of at least three independent channels with one topic.

    Attributes:
        members: oldest first.
        terms: the most telling first.
    """

    members: tuple[Member, ...]
    terms: tuple[str, ...]


def clusters(members: Sequence[Member]) -> list[Cluster]:
    """The topics among some outliers, in the order of their first detections.

    Titles are grouped by average linkage on the cosines of their TF-IDF vectors. A group counts
    where three channels can each be given a story of their own: the same title posted by three
    channels is one story, however many post it.

    Args:
        members: each video once. Their order does not matter.
    """
    ordered = sorted(members, key=lambda member: (member.at, member.event_id))
    if len({member.channel_id for member in ordered}) < FEWEST:
        return []
    titles = [member.title for member in ordered]
    cosines = similarities(titles)
    grouping = AgglomerativeClustering(
        n_clusters=None, distance_threshold=1 - ALIKE, metric="precomputed", linkage="average"
    )
    np.fill_diagonal(cosines, 1.0)
    labels = grouping.fit_predict(1 - cosines)
    groups = [np.flatnonzero(labels == label).tolist() for label in range(labels.max() + 1)]
    found = sorted(group for group in groups if _independent(group, ordered, cosines) >= FEWEST)
    terms = telling(titles, found, TERMS)
    return [
        Cluster(tuple(ordered[at] for at in group), tuple(words))
        for group, words in zip(found, terms, strict=True)
    ]


def _independent(group: Sequence[int], members: Sequence[Member], cosines: Floats) -> int:
    """Channels of a group that can each be given a story of their own."""
    channels = sorted({members[at].channel_id for at in group})
    if len(channels) < FEWEST:
        return len(channels)
    texts = np.array([letters(members[at].title) for at in group])
    same = (cosines[np.ix_(group, group)] >= SAME) | (texts[:, None] == texts[None, :])
    stories, story = connected_components(csr_matrix(same), directed=False)
    rows = [channels.index(members[at].channel_id) for at in group]
    shape = (len(channels), stories)
    edges = csr_matrix((np.ones(len(group)), (rows, story)), shape=shape)
    return int((maximum_bipartite_matching(edges, perm_type="column") >= 0).sum())
