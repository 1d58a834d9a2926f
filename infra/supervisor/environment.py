"""Settings as environment variables, the way children and the daemon get them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from infra.api_settings import NONE
from infra.settings import Settings

# Polars takes every core in each process unless told otherwise; a stack is many processes.
_POLARS_THREADS = "2"


def as_environment(settings: Settings) -> dict[str, str]:
    """Every setting that has a value, under its variable's name.

    Secrets are in the clear: the environment of a process is readable by its user only.
    """
    environment = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            environment[name.upper()] = _text(value)
    return environment


def for_processes(settings: Settings, inherited: dict[str, str]) -> dict[str, str]:
    """What the processes of a stack get beside the supervisor's own environment."""
    return {
        "POLARS_MAX_THREADS": inherited.get("POLARS_MAX_THREADS", _POLARS_THREADS),
        "PYTHONUNBUFFERED": "1",
        **as_environment(settings),
    }


def _text(value: Any) -> str:
    if isinstance(value, Path):  # a process may run elsewhere than where it was written
        return str(value.expanduser().absolute())
    if isinstance(value, tuple):
        return ",".join(value) or NONE  # an empty variable would be its default
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
