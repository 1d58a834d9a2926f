"""The connection to Redis of cache and ledger."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

REDIS_SECONDS = 2.0  # that an answer of Redis may take
CONNECTIONS = 16  # of one client; whoever comes when all are in use waits for one
WAIT_SECONDS = 30.0  # at most


def connection(url: str) -> Redis:
    """Bytes in, bytes out; nothing connects yet."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=WAIT_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 1),  # a pooled connection may be of before a restart
    )
    return Redis.from_pool(pool)
