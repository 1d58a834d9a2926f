"""Schema resolution for frames: what an older (or newer) writer wrote, as the reader expects it."""

from __future__ import annotations

from typing import Any

import polars as pl

from schemas.avro_types import dtype_of
from schemas.errors import UndecodableError


def writer_columns(writer: dict[str, Any], wanted: list[dict[str, Any]]) -> dict[str, str]:
    """Which of the writer's fields holds each wanted reader field, by name or alias.

    Returns:
        Reader field -> writer field; fields that the writer does not have are left out.
    """
    written = {field["name"] for field in writer["fields"]}
    found: dict[str, str] = {}
    for field in wanted:
        names = [field["name"], *field.get("aliases", ())]
        match = next((name for name in names if name in written), None)
        if match is not None:
            found[field["name"]] = match
    return found


def resolve(
    frame: pl.DataFrame, wanted: list[dict[str, Any]], columns: dict[str, str]
) -> pl.DataFrame:
    """Rename, add defaults and widen types, so that the frame has just the wanted fields.

    Args:
        frame: as the writer's schema decoded it.
        wanted: fields of the reader's schema.
        columns: from [`writer_columns`][schemas.resolution.writer_columns].

    Raises:
        UndecodableError: a field has neither a value nor a default, or its type cannot be widened.
    """
    expressions: list[pl.Expr] = []
    for field in wanted:
        name, dtype = field["name"], dtype_of(field["type"])
        if name in columns:
            expressions.append(pl.col(columns[name]).cast(dtype).alias(name))
        elif "default" in field:
            expressions.append(pl.lit(_default(field, dtype), dtype=dtype).alias(name))
        else:
            raise UndecodableError(f"the writer's schema has no field {name!r}, nor a default")
    try:
        return frame.select(expressions) if columns else frame.with_columns(expressions)
    except pl.exceptions.PolarsError as error:
        raise UndecodableError(f"does not fit the reader's schema: {error}") from None


def _default(field: dict[str, Any], dtype: pl.DataType) -> Any:
    """A field's default; that of bytes is written as text, in which a character is a byte."""
    default = field["default"]
    return default.encode("latin-1") if dtype == pl.Binary else default
