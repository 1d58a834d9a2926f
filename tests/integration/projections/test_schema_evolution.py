"""Events of every schema that a topic has had, and of its successor, in one rebuild."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from confluent_kafka.admin import NewTopic

from projections.rebuild import Surroundings, rebuild
from tests.integration.projections import plays
from tests.integration.projections.conftest import START, Log

BEYOND_INT = 3_000_000_000


def played(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "occurred_at": START + dt.timedelta(seconds=number),
        "play_id": f"p{number}",
        **fields,
    }


def test_a_new_a_renamed_and_a_widened_field_and_a_successor_are_folded_together(
    log: Log, unique: Callable[[str], str]
) -> None:
    first, second = unique("plays-v1"), unique("plays-v2")
    for name in (first, second):
        for one in (NewTopic(name, 2, 1), NewTopic(f"{name}.dlq", 1, 1)):
            log.admin.create_topics([one])[one.topic].result()
    log.publish_anew(plays.topic(first, plays.FIRST), played(1, name="old", seconds=1))
    live = plays.projection(unique("plays"), plays.topic(first, plays.FIRST))
    with log.projecting(live):
        log.await_applied(live)
    assert log.rows("SELECT * FROM plays") == [("p1", "old", 1000, None)]

    new, renamed, widened = (plays.topic(first, fields) for fields in plays.LATER)
    log.publish_anew(new, played(2, name="new", seconds=2, device="tv"))
    log.publish_anew(renamed, played(3, title="renamed", seconds=3, device=None))
    log.publish_anew(widened, played(4, title="widened", seconds=BEYOND_INT, device="tv"))
    successor = plays.topic(second, plays.SUCCESSOR)
    log.publish_anew(successor, played(5, title="successor", played_ms=5001, device="phone"))

    today = plays.projection(live.name, widened, successor)
    rebuild(
        today,
        Surroundings(log.settings.kafka_config(), log.settings.dsn, log.registry, log.scratch),
    )
    assert log.rows("SELECT * FROM plays ORDER BY play_id") == [
        ("p1", "old", 1000, None),
        ("p2", "new", 2000, "tv"),
        ("p3", "renamed", 3000, None),
        ("p4", "widened", BEYOND_INT * 1000, "tv"),
        ("p5", "successor", 5001, "phone"),
    ]
    with log.projecting(today):  # and it goes on, whoever still writes the first schema
        log.publish_anew(plays.topic(first, plays.FIRST), played(6, name="late", seconds=6))
        log.await_applied(today)
    assert log.rows("SELECT title, played_ms FROM plays WHERE play_id = 'p6'") == [("late", 6000)]
