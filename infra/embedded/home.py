"""The data directory of a stack: where each thing lies, and who may read it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.embedded.ports import Ports

_SECRET_BYTES = 24


def _password() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def signing_secret() -> str:
    """A secret as Standard Webhooks writes one: for the file of `Settings.webhook_secrets`."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


class Home:
    """`data/` is kept between runs, `logs/` too; `run/` describes the running stack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"

    def prepare(self) -> None:
        """Make the directories; `run` holds secrets and is the owner's alone."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "data").mkdir(exist_ok=True)
        (self.path / "logs").mkdir(exist_ok=True)
        self.run.mkdir(mode=0o700, exist_ok=True)
        self.run.chmod(0o700)

    @cached_property
    def ports(self) -> Ports:
        """The ports of this home."""
        return Ports(self.run / "ports.json")

    def data(self, name: str) -> Path:
        """Where a server keeps what it must not forget."""
        return self.path / "data" / name

    def log(self, name: str) -> Path:
        """Where the output of a server or process goes."""
        return self.path / "logs" / f"{name}.log"

    def secret(self, name: str, make: Callable[[], str] = _password) -> str:
        """A random password, made when first asked for and kept in `run/<name>`."""
        path = self.run / name
        try:
            return path.read_text()
        except FileNotFoundError:
            value = make()
            write_private(path, value)
            return value


def write_private(path: Path, text: str) -> None:
    """Replace a file at once with one that only its owner may read."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_private_json(path: Path, value: Any) -> None:
    """`write_private` for a JSON value."""
    write_private(path, json.dumps(value, indent=1) + "\n")
