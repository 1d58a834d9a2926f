"""Topics as tables: `replay` is a lazy frame of a topic, `files.write` the same in a file."""

from __future__ import annotations

from infra.log_reader import LogReadError
from infra.replay.errors import ReplayError
from infra.replay.frame import replay

__all__ = ["LogReadError", "ReplayError", "replay"]
