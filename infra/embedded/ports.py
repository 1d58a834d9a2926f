"""Ports that a home keeps from start to start, so that its clients survive a restart."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

from infra.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"

# Below the ranges from which Linux (32768) and macOS (49152) take the ports of outgoing
# connections: a port remembered here is not taken by somebody's connection meanwhile.
_RANGE = range(20_000, 32_000)
_TRIES = 200


class Ports:
    """Chosen at the first start, kept in a file, chosen again only where somebody took one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chosen: dict[str, int] = {}
        try:
            self._remembered: dict[str, int] = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            self._remembered = {}

    def __getitem__(self, name: str) -> int:
        """The port of this name, free when it is first asked for in this run."""
        if name not in self._chosen:
            self._chosen[name] = self._choose(name)
            self._remembered[name] = self._chosen[name]
            self._path.write_text(json.dumps(self._remembered, indent=1))
        return self._chosen[name]

    def _choose(self, name: str) -> int:
        remembered = self._remembered.get(name)
        if remembered is not None and is_free(remembered):
            return remembered
        mine = set(self._remembered.values())
        for _ in range(_TRIES):
            port = random.choice(_RANGE)
            if port not in mine and is_free(port):
                return port
        raise EmbeddedError(f"no free port for {name} from {_RANGE.start} to {_RANGE.stop - 1}")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now; connections that linger do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def next_free(port: int, host: str = LOOPBACK, tries: int = 200) -> int:
    """`port`, or the first free one above it; 0 asks the system for any.

    Raises:
        EmbeddedError: none of the next `tries` is free.
    """
    if port == 0:
        with socket.create_server((host, 0)) as probe:
            return int(probe.getsockname()[1])
    for candidate in range(port, min(port + tries, 65_536)):
        if is_free(candidate, host):
            return candidate
    raise EmbeddedError(f"no free port on {host} from {port} on: set API_PORT to another one")
