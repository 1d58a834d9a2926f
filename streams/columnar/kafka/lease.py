"""How long a worker may take its partitions for its own.

The group gives a member up that it has not heard of for a session, and hands its partitions to
others. A process that was stopped, or whose machine slept, knows nothing of that when it wakes: it
would go on where it was and write old rows behind newer ones. So a worker holds its partitions on a
lease, which each heartbeat that the group confirms renews for one session from the moment at which
the heartbeat was sent. The group's own clock starts later, when it receives it.
"""

from __future__ import annotations

import time
from typing import Any

from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer.group_coordinator import GroupCoordinator

# Of these only the first goes on while the machine sleeps; macOS's monotonic clock has its own.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds on a clock that never stands still."""
    return time.clock_gettime(_CLOCK)


class LeasedCoordinator(GroupCoordinator):
    """aiokafka's view of the group, and when the group last confirmed that this is a member."""

    _confirmed_at = float("-inf")

    def holds(self, generation: int) -> bool:
        """Whether the partitions assigned in that generation are certainly still ours.

        False also means "not known at the moment", as while the broker cannot be reached. Safe to
        ask from any thread.
        """
        leased = now() - self._confirmed_at < self._session_timeout_ms / 1000
        return leased and bool(self.generation == generation)

    async def _do_heartbeat(self) -> Any:
        sent = now()
        confirmed = await super()._do_heartbeat()
        if confirmed:
            self._confirmed_at = sent
        return confirmed

    async def _do_rejoin_group(self, subscription: Any) -> Any:
        # The answer may take as long as the slowest member; when it was sent is not known, so the
        # lease counts from the question, and the first heartbeat renews it soon.
        sent = now()
        joined = await super()._do_rejoin_group(subscription)
        if joined:
            self._confirmed_at = max(self._confirmed_at, sent)
        return joined


def install() -> None:
    """Use it in this process. aiokafka's consumer knows no other way to be told."""
    consumer_module.GroupCoordinator = LeasedCoordinator
