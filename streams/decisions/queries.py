"""SQL beside the code that runs it: several named statements in one file."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def queries(path: Path) -> dict[str, bytes]:
    """The statements of a file, by the names in its `-- name:` lines.

    Bytes, because psycopg takes text only where a type checker can see that it is a literal.
    """
    parts = _NAME.split(path.read_text())
    return {
        name: statement.strip().encode()
        for name, statement in zip(parts[1::2], parts[2::2], strict=True)
    }
