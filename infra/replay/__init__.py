"""Topics as tables: `replay` is a lazy frame of a topic, `files.write` the same in a file."""

from __future__ import annotations

from infra.replay.errors import ReplayError
from infra.replay.frame import replay
from streams.columnar.kafka.log import LogReadError

__all__ = ["LogReadError", "ReplayError", "replay"]
