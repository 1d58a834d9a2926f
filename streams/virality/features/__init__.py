"""Features: one declared list, made of moments by the same code in training, stream and API."""

from __future__ import annotations

from streams.virality.features.declared import AFTER, BEFORE, FEATURES, codes, feature_hash
from streams.virality.features.feature import CODE, Feature
from streams.virality.features.numbers import Numbers
from streams.virality.features.table import (
    feature_numbers,
    feature_table,
    features_and_past,
    matrix,
    varied,
)

__all__ = [
    "AFTER",
    "BEFORE",
    "CODE",
    "FEATURES",
    "Feature",
    "Numbers",
    "codes",
    "feature_hash",
    "feature_numbers",
    "feature_table",
    "features_and_past",
    "matrix",
    "varied",
]
