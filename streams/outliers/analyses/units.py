"""What an analysis costs in units of the Data API, by its story.

It is what YouTube takes when nothing is in the cache; docs/analyses.md does the sum by hand.
"""

from __future__ import annotations

import math

from streams.outliers.analyses.state import Analysis

SEARCH = 100  # units of a page of search.list
PAGE = 50  # ids or items of any other call, which costs one unit


def units(state: Analysis) -> int:
    """Units of everything that the run has asked for by now."""
    return (
        sum(one.units for one in state.competitors.values())
        + SEARCH * len(state.searches)
        + (calls(len(state.candidates)) if state.channels is not None else 0)
        + len(state.uploads)
        + calls(sum(len(ids) for ids in state.uploads.values()))
    )


def calls(ids: int) -> int:
    """Calls that it takes to ask for so many ids."""
    return math.ceil(ids / PAGE)
