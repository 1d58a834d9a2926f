"""The declared features, in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from streams.virality.features import channel, horizon, observation, request
from streams.virality.features.feature import CODE, Feature

# The order of the columns. A model remembers the hash of the list it was trained with.
FEATURES: tuple[Feature, ...] = (
    *request.FEATURES,
    *channel.FEATURES,
    *observation.FEATURES,
    *horizon.FEATURES,
)
# What is known before anybody has seen the video.
BEFORE: tuple[Feature, ...] = tuple(
    feature for feature in FEATURES if feature.available_at != "observation"
)
# All, once counts were observed.
AFTER: tuple[Feature, ...] = FEATURES

# Counted up when a feature keeps its name and is computed otherwise.
_REVISION = 1


def codes(features: Sequence[Feature]) -> list[int]:
    """Places of the features whose numbers only name things."""
    return [place for place, feature in enumerate(features) if feature.unit == CODE]


def feature_hash(features: Sequence[Feature] = FEATURES) -> str:
    """SHA-256 of what the features are called, what they count and how they are computed."""
    declared = "\n".join(
        f"{feature.name}\t{feature.unit}\t{feature.source}\t{feature.available_at}"
        for feature in features
    )
    return hashlib.sha256(f"{_REVISION}\n{declared}".encode()).hexdigest()
