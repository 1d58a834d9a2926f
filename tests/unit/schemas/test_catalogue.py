"""Every schema of the catalogue is what its topic needs it to be."""

from __future__ import annotations

import fastavro
import pytest

from schemas.agents import AGENTS
from schemas.avro_types import frame_schema, minimal_datum
from schemas.bodies import BodyReader
from schemas.catalogue import TOPICS, topic_named
from schemas.encoding import FrameEncoder
from schemas.errors import UnknownTopicError
from schemas.topic import AVRO, Topic

TOPIC = pytest.mark.parametrize("topic", TOPICS.values(), ids=list(TOPICS))


@TOPIC
def test_a_schema_is_avro_and_every_field_has_a_doc(topic: Topic) -> None:
    fastavro.parse_schema(topic.schema, named_schemas={})
    for record in topic.records:
        assert record["doc"]
        assert all(field.get("doc") for field in record["fields"])


@TOPIC
def test_a_topic_s_key_is_a_field_of_all_its_records(topic: Topic) -> None:
    assert all(topic.key in {f["name"] for f in record["fields"]} for record in topic.records)


@pytest.mark.parametrize(
    "topic", [t for t in TOPICS.values() if t.columnar], ids=lambda topic: topic.name
)
def test_a_columnar_topic_is_read_at_once_as_the_dtypes_it_promises(topic: Topic) -> None:
    body = minimal_datum(topic.schema)
    frame = BodyReader(topic.schema).read([body, body], list(frame_schema(topic.schema)))
    wanted = frame_schema(topic.schema)
    assert frame.select(wanted.names()).cast(wanted).schema == wanted
    assert FrameEncoder(topic.schema).encode(frame.select(wanted.names()).cast(wanted))


def test_there_is_a_topic_for_every_schema_file() -> None:
    assert {path.stem for path in AVRO.glob("*.avsc")} == set(TOPICS)


def test_an_unknown_topic_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownTopicError, match=r"engagement\.events\.v1"):
        topic_named("engagement")


def test_agents_are_listed_with_what_they_read() -> None:
    from streams.generation.dispatch.dispatch import Dispatcher
    from streams.generation.dispatch.redelivery import Redelivery
    from streams.generation.policy.sources import SOURCES
    from streams.outliers import agent as outliers
    from streams.outliers.channels import agent as shifts
    from streams.virality import agent as virality
    from streams.virality.actuals import handler as actuals
    from streams.virality.forecasts import agent as forecasts

    names = {virality.NAME, outliers.NAME, shifts.NAME, forecasts.NAME, actuals.NAME, "dispatcher"}
    assert names == AGENTS.keys()
    sources = tuple(source.topic for source in SOURCES.values())
    assert AGENTS["dispatcher"] == (Dispatcher.topic, *sources, Redelivery.topic)


@TOPIC
def test_a_topic_can_be_a_key(topic: Topic) -> None:
    assert {topic: 1}[topic] == 1
