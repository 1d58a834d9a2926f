"""Servers for one run, in a directory that is removed afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Supervisor


@contextmanager
def servers() -> Iterator[Settings]:
    """Embedded servers with the catalogue's topics and nothing in them."""
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as directory:
        settings = Settings(_env_file=None, groundswell_home=Path(directory))
        with Supervisor(settings, processes=(), provision=provision) as supervisor:
            yield supervisor.settings
