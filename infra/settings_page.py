"""docs/settings.md, made from the settings themselves: `python -m infra.settings_page`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from infra.generation_settings import GenerationSettings
from infra.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_HEAD = """# Settings

Every setting is a variable of the environment, or a line of a `.env` file where the command runs.
An address that is unset means the embedded server. This page is made from `infra/settings.py`
and what it inherits (`python -m infra.settings_page`); a test compares the two.

| variable | default | what |
|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    fields = Settings.model_fields
    rows = [
        f"| `{name.upper()}` | {_default(fields[name].default)} | {fields[name].description} |"
        # What concerns everything first: a model's own fields stand behind those it inherits.
        for name in sorted(fields, key=lambda name: name in GenerationSettings.model_fields)
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value is None or value == ():
        return "unset"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return "secret" if isinstance(value, SecretStr) else f"`{value}`"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page()) == 0)
