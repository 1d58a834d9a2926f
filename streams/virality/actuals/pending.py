"""Predictions of which nobody has observed yet what became of them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl
import structlog

from schemas.catalogue import VIRALITY_PREDICTIONS
from schemas.chunks import Chunk
from schemas.frames import FrameDecoder
from schemas.registry import Registry

OBSERVED = "observed"  # a source of actuals

log = structlog.get_logger()


class Due(NamedTuple):
    """A prediction: which, and for which age of its video in hours."""

    prediction_id: str
    horizon_h: float


class Pending:
    """Open predictions by video, as the log has them; safe between threads.

    Those without a video, or without an age that is predicted for, can never be observed. What a
    user says became of a prediction does not close it: an observation stands beside it.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        columns = ("prediction_id", "video_id", "horizon_h", "source")
        self._decoder = (
            None if registry is None else FrameDecoder(registry, VIRALITY_PREDICTIONS, columns)
        )
        self._due: defaultdict[str, dict[str, Due]] = defaultdict(dict)
        self._closed: set[str] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._due.values()))

    def take(self, chunk: Chunk) -> None:
        """Take records of `virality.predictions.v1` in; what cannot be decoded is left out."""
        assert self._decoder is not None
        decoded = self._decoder.decode(chunk)
        if decoded.rejects:
            log.warning("predictions left out", count=len(decoded.rejects))
        self.add(decoded.frame)

    def add(self, events: pl.DataFrame) -> None:
        """Take events in; the same ones again change nothing.

        Args:
            events: `_type`, `prediction_id`, `video_id`, `horizon_h`, `source`.
        """
        made = pl.col("_type") == "PredictionMade"
        wanted = events.filter(
            made, pl.col("video_id").is_not_null(), pl.col("horizon_h") > 0
        ).select("prediction_id", "video_id", "horizon_h")
        closed = events.filter(~made, pl.col("source") == OBSERVED)["prediction_id"]
        with self._lock:
            self._closed.update(closed.to_list())
            for prediction, video, horizon_h in wanted.iter_rows():
                if prediction not in self._closed:
                    self._due[video][prediction] = Due(prediction, horizon_h)
            if len(closed):
                self._close()

    def _close(self) -> None:
        for video in list(self._due):
            left = {one: due for one, due in self._due[video].items() if one not in self._closed}
            if left:
                self._due[video] = left
            else:
                del self._due[video]

    def of(self, videos: Iterable[str]) -> dict[str, list[Due]]:
        """The open predictions of those of the videos that have any."""
        with self._lock:
            return {
                video: list(self._due[video].values()) for video in videos if video in self._due
            }
