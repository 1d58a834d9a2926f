from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from api import analyses
from api.services import Services


class NoTables:
    async def one(self, name: str, values: Any) -> None:
        raise psycopg.errors.UndefinedTable("no projector has run")


def test_before_there_are_tables_the_store_of_decisions_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def truth(here: Services, analysis_id: str) -> dict[str, Any]:
        return {"analysis_id": analysis_id}

    monkeypatch.setattr(analyses, "_truth", truth)
    here = cast(Services, SimpleNamespace(database=NoTables()))
    assert asyncio.run(analyses.find(here, "a")) == {"analysis_id": "a"}
