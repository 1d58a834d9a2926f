"""What the transport knows of the log's end, from whichever thread it is asked."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.columnar.kafka.transport import Consumer

WHERE = TP("t", 0)


def consumer(subscription: Any) -> Consumer:
    made = Consumer.__new__(Consumer)
    inner = None if subscription is None else SimpleNamespace(_subscription=subscription)
    made._thread = SimpleNamespace(_consumer=inner)
    return made


def test_the_end_is_what_the_last_fetch_said_and_none_before() -> None:
    async def scenario() -> list[int | None]:
        subscription = SubscriptionState()
        subscription.assign_from_user({TopicPartition("t", 0)})
        state = subscription.subscription.assignment.state_value(TopicPartition("t", 0))
        before = consumer(subscription).fetched_end(WHERE)
        state.highwater, state.lso = 9, 7  # two records of an open transaction
        return [before, consumer(subscription).fetched_end(WHERE)]

    assert asyncio.run(scenario()) == [None, 7]


def test_without_a_consumer_or_the_partition_there_is_no_end() -> None:
    async def scenario() -> list[int | None]:
        elsewhere = SubscriptionState()
        elsewhere.assign_from_user({TopicPartition("t", 1)})
        states = (None, SubscriptionState(), elsewhere)
        return [consumer(state).fetched_end(WHERE) for state in states]

    assert asyncio.run(scenario()) == [None] * 3


def test_a_partition_whose_chunks_wait_is_fetched_all_the_same() -> None:
    """Faust would leave it out, and sleep a second once all are left out; see `on_buffer_full`."""
    made = consumer(None)
    made.app = SimpleNamespace(in_recovery=False)
    made._active_partitions, made._buffered_partitions = {WHERE}, set()
    made.on_buffer_full(WHERE)
    assert made._get_active_partitions() == {WHERE}
