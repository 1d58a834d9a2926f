"""What was ever published can still be read: every schema against all its earlier versions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.settings import Settings
from schemas.catalogue import TOPICS
from schemas.errors import IncompatibleSchemaError
from schemas.registry import COMPATIBILITY, Registry, Schema
from schemas.topic import AVRO, Topic

ROOT = Path(__file__).parents[3]


def versions(path: Path) -> list[str]:
    """Texts of a file in the order of its history, the present one last."""
    name = path.relative_to(ROOT).as_posix()

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout

    commits = git("log", "--reverse", "--format=%H", "--", name).split()
    return [*(git("show", f"{commit}:{name}") for commit in commits), path.read_text()]


def registered(registry: Registry, topic: Topic, text: str) -> None:
    registry._client.register_schema(topic.subject, Schema(text, schema_type="AVRO"))


@pytest.mark.parametrize("name", list(TOPICS))
def test_a_schema_reads_all_that_its_earlier_versions_wrote(
    stack_settings: Settings, unique: Callable[[str], str], name: str
) -> None:
    topic = replace(TOPICS[name], name=unique(name))
    with Registry(stack_settings.registry_config()) as registry:
        for text in versions(AVRO / f"{name}.avsc"):
            if text:
                registered(registry, topic, text)
        registry.require_compatibility(topic)
        assert registry.compatible(topic)


def test_a_field_without_a_default_is_refused_by_name(
    stack_settings: Settings, unique: Callable[[str], str]
) -> None:
    """The check can fail: this is what it is there to find."""
    topic = replace(TOPICS["engagement.events.v1"], name=unique("engagement"))
    with Registry(stack_settings.registry_config()) as registry:
        registry.register(topic)
        registry.require_compatibility(topic)
        changed = replace(topic)
        added = {"name": "mood", "type": "string", "doc": "New."}
        vars(changed)["schema"] = {**topic.schema, "fields": [*topic.schema["fields"], added]}
        assert not registry.compatible(changed)
        with pytest.raises(IncompatibleSchemaError, match=r"engagement.*add fields"):
            registry.register(changed)
    assert COMPATIBILITY == "BACKWARD_TRANSITIVE"
