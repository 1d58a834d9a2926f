"""The events of every run fit the topic's schema."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

from fastavro import parse_schema
from fastavro.validation import validate
from pydantic import TypeAdapter

from schemas.catalogue import OUTLIER_ANALYSES, OUTLIER_CONTENT
from streams.decisions.publishing import event_of
from streams.decisions.store import Recorded
from streams.outliers.analyses.analysis import ANALYSES
from streams.outliers.analyses.analysis_commands import (
    AwaitQuota,
    BeginTurn,
    CancelAnalysis,
    Fail,
)
from streams.outliers.content.shapes import defaults
from streams.outliers.content.story import CONTENT, CONTENT_ID, Change
from tests.unit.outliers.analyses.a_world import NOW, World
from tests.unit.outliers.analyses.stories import Story, request


def recorded(domain: str, stream_id: str, version: int, event: object) -> Recorded:
    body = json.loads(TypeAdapter(type(event)).dump_json(event))
    return Recorded(1, domain, stream_id, version, type(event).__name__, body, NOW, "e")


def test_every_event_of_an_analysis_fits_the_topic() -> None:
    world = World()
    done, called_off, failed = (Story(request(world)) for _ in range(3))
    done.decide(AwaitQuota(NOW, done.state.turn, "no units", NOW + dt.timedelta(hours=3)))
    done.decide(BeginTurn(NOW, done.state.turn))
    asyncio.run(done.run(world))
    called_off.decide(CancelAnalysis(NOW, "no longer wanted"))
    failed.decide(Fail(NOW, failed.state.turn, "the key is not valid"))
    events = [*done.events, *called_off.events, *failed.events]
    assert {type(one) for one in events} == set(ANALYSES.events)
    schemas = {record["name"]: parse_schema(record) for record in OUTLIER_ANALYSES.records}
    for version, event in enumerate(events, 1):
        told = event_of(OUTLIER_ANALYSES, recorded(ANALYSES.domain, "a", version, event))
        assert told["analysis_id"] == "a"
        assert validate(told, schemas[told.pop("_type")], strict=True)


def test_changed_content_fits_its_topic() -> None:
    other = defaults().model_copy(update={"search_queries": ("chess",)})
    [event] = CONTENT.decide(CONTENT.initial, Change(NOW, "ada", other))
    told = event_of(OUTLIER_CONTENT, recorded(CONTENT.domain, CONTENT_ID, 1, event))
    assert told["content_id"] == "default"
    assert validate(told, parse_schema(OUTLIER_CONTENT.schema), strict=True)
