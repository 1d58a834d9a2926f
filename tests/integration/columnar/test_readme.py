"""The agent in the runtime's README works as it stands there."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import fastavro
from confluent_kafka import Producer

from infra.settings import Settings
from schemas.publisher import producer_config
from schemas.registry import Registry
from schemas.topic import Topic
from schemas.wire import prefix
from streams.columnar import __file__ as package
from tests.chaos.independent import last_rows
from tests.integration.columnar.topics import create
from tests.integration.infra.waiting import until

README = Path(package).parent / "README.md"
PARTITIONS = 4
PAGES = ["a", "b", "a", "c", "a", "b"] * 50


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_the_agent_of_the_readme_counts(
    stack_settings: Settings, unique: Callable[[str], str], tmp_path: Path
) -> None:
    clicks, totals = unique("clicks"), unique("clicks-per-page")
    event = {
        "type": "record",
        "name": "Click",
        "fields": [{"name": name, "type": "string"} for name in ("event_id", "page")],
    }
    (tmp_path / f"{clicks}.avsc").write_text(json.dumps(event))
    (tmp_path / f"{totals}.avsc").write_text(block("json"))
    source = Topic(clicks, "page", "", partitions=PARTITIONS, folder=tmp_path)
    output = Topic(totals, "page", "", partitions=PARTITIONS, compacted=True, folder=tmp_path)
    create(stack_settings, source, output)
    publish(stack_settings, source)

    code = block("python").replace("clicks.v1", clicks).replace("clicks-per-page.v1", totals)
    # The agent's name and its group, but not the column.
    code = re.sub(r'(AgentSpec|Worker\w+)\("clicks"', rf'\1("{clicks}"', code)
    code = code.replace("FOLDER", f"Path({str(tmp_path)!r})")
    code = code.replace("KAFKA", repr(stack_settings.kafka_config()))
    code = code.replace("REGISTRY", repr(stack_settings.registry_config()["url"]))
    code = code.replace(
        f'state = pl.Schema({{"page": pl.String(), "{clicks}"',
        'state = pl.Schema({"page": pl.String(), "clicks"',
    )
    script = tmp_path / "agent.py"
    script.write_text(f"from pathlib import Path\n{code}")
    worker = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE)
    try:
        until(lambda: counted(stack_settings, output) == Counter(PAGES), "all clicks")
    finally:
        worker.kill()
        worker.communicate()


def publish(settings: Settings, topic: Topic) -> None:
    """The clicks, each tenth of them twice."""
    with Registry(settings.registry_config()) as registry:
        head = prefix(registry.id_of(topic))
    producer = Producer(producer_config(settings.kafka_config()))
    for number, page in enumerate(PAGES):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, topic.schema, {"event_id": str(number), "page": page})
        for _ in range(2 if number % 10 == 0 else 1):
            producer.produce(topic.name, head + body.getvalue(), page)
    assert producer.flush(30) == 0


def counted(settings: Settings, topic: Topic) -> dict[str, int]:
    rows = last_rows(settings, topic.name, topic.schema, PARTITIONS, key="page")
    return {page: row["clicks"] for (_, page), row in rows.items()}
