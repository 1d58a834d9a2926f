"""Arrays of groups: helpers that NumPy has no name for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

# Instants before and after all others, in microseconds; sums with others fit.
NEVER = np.iinfo(np.int64).min // 4
FOREVER = np.iinfo(np.int64).max // 4


def starts_of(groups: Integers) -> Integers:
    """For each element the position where its group begins.

    Args:
        groups: group numbers; equal ones stand beside each other.
    """
    begins = np.ones(len(groups), dtype=np.bool_)
    begins[1:] = groups[1:] != groups[:-1]
    positions = np.where(begins, np.arange(len(groups)), 0)
    return np.maximum.accumulate(positions) if len(groups) else positions


def running_max(values: Integers, groups: Integers) -> Integers:
    """The greatest value of the group so far, the element's own included.

    Args:
        values: any.
        groups: group numbers, never falling.
    """
    # Ranks are small, so that group and rank fit into one number.
    distinct, rank = np.unique(values, return_inverse=True)
    greatest = np.maximum.accumulate(groups * len(distinct) + rank)
    return np.asarray(distinct[greatest - groups * len(distinct)]) if len(values) else values


def first_of_each(keys: Integers, wanted: Booleans) -> Booleans:
    """Which of the wanted elements are the first with their key."""
    found = np.zeros(len(keys), dtype=np.bool_)
    at = np.flatnonzero(wanted)
    _, first = np.unique(keys[at], return_index=True)
    found[at[first]] = True
    return found
