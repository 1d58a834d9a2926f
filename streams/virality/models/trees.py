"""Boosted trees, loaded: predictions by machine code where it was compiled, shares by LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from streams.virality.models.boosting import Boosting
from streams.virality.models.compiled import (
    CompiledTrees,
    NotCompiledError,
    compile_trees,
    load_trees,
)

Floats = npt.NDArray[np.float64]

log = structlog.get_logger()

_told: set[Path] = set()  # folders without machine code that were warned of in this process


class Trees:
    """The mean of one or several boosters over the same columns. Immutable, one thread.

    Args:
        columns: names of the features.
        texts: LightGBM's text of each booster.
        compiled: folder of machine code; None is without.
    """

    def __init__(
        self, columns: Sequence[str], texts: Sequence[str], compiled: Path | None = None
    ) -> None:
        self.columns = tuple(columns)
        self.texts = tuple(texts)
        self._compiled = None if compiled is None else _found(self.texts, compiled)

    @property
    def is_compiled(self) -> bool:
        """Whether predictions come from machine code."""
        return self._compiled is not None

    def predict(self, table: Floats) -> Floats:
        """One prediction a row.

        Args:
            table: rows of features, C-contiguous Float64; NaN is missing.
        """
        return np.asarray(np.sum(self.members(table), axis=0) / len(self.texts))

    def members(self, table: Floats) -> list[Floats]:
        """What each booster predicts."""
        if not len(table):
            return [np.zeros(0) for _ in self.texts]
        if self._compiled is not None:
            return [trees.predict(table) for trees in self._compiled]
        return [
            np.asarray(booster.predict(table, num_threads=1)) for booster in self._boosting.boosters
        ]

    def contributions(self, table: Floats) -> Floats:
        """See [`Boosting`][streams.virality.models.boosting.Boosting]."""
        return self._boosting.contributions(table)

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, most first."""
        return self._boosting.importance()

    def compile(self, folder: Path) -> None:
        """Compile into a folder what is not there yet; whoever loads it later uses it.

        Raises:
            NotCompiledError: the folder may be written by others.
        """
        for text in self.texts:
            compile_trees(text, folder)

    @cached_property
    def _boosting(self) -> Boosting:
        return Boosting(self.columns, self.texts)


def _found(texts: Sequence[str], folder: Path) -> list[CompiledTrees] | None:
    try:
        return [load_trees(text, folder) for text in texts]
    except NotCompiledError as error:
        if folder not in _told:
            _told.add(folder)
            log.warning(
                "model_not_compiled",
                reason=str(error),
                so="LightGBM predicts instead, several times as slowly; "
                "`groundswell models compile` compiles it",
            )
        return None
