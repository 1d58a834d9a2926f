"""A policy: an outlier above a threshold asks for a teaser. Off unless TEASER_MULTIPLE is set.

One teaser per video, ever: the job's id is made from the video's. A request goes through the same
door as everybody's, `generation.requests.v1`, at low priority.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from schemas.catalogue import GENERATION_REQUESTS, OUTLIER_DETECTIONS
from schemas.chunks import Chunk
from schemas.deadletters import dead_letter
from schemas.frames import FrameDecoder
from schemas.publisher import Publisher
from streams.decisions.queries import queries
from streams.generation import offsets
from streams.generation.validation import DEFAULTS, problems

CONSUMER = "teaser-policy"

# A backfill can bring thousands of detections within minutes. One worker renders a teaser in a few
# seconds, so twenty an hour keep it free for people; what comes above them is passed over, for a
# teaser that waits for hours is late.
TEASERS_PER_HOUR = 20

_JOBS = uuid.UUID("2b0c6f1e-6a4b-4f43-9a2f-6e2d6c9d0f5a")  # names the policy's jobs
_TALL = {"width": 288, "height": 512}
_WIDE = {"width": 512, "height": 288}
_TITLE_MAX = 200  # characters of the title in the prompt

_SQL = queries(Path(__file__).with_name("policy.sql"))

log = structlog.get_logger()


class TeaserPolicy:
    """Handles chunks of `outlier.detections.v1`, whatever brings them.

    Args:
        multiple: detections of at least this multiple ask for a teaser.
    """

    topic = OUTLIER_DETECTIONS
    consumer = CONSUMER

    def __init__(self, pool: AsyncConnectionPool, publisher: Publisher, multiple: float) -> None:
        self._pool = pool
        self._publisher = publisher
        self._multiple = multiple
        registry = publisher.codec.registry
        self._decoder = FrameDecoder(registry, OUTLIER_DETECTIONS, address=CONSUMER)

    async def handle(self, chunk: Chunk) -> int:
        """Ask for the teasers that the chunk's detections call for.

        The requests are acknowledged by Kafka before the offset moves: a crash in between repeats
        them under the same job ids, which the dispatcher knows.

        Returns:
            How many detections became dead letters.

        Raises:
            psycopg.Error: PostgreSQL failed; the chunk may be handled again.
            PublishError: the requests were not acknowledged; the same.
        """
        async with self._pool.connection() as conn, conn.transaction():
            fresh = await offsets.claim(conn, CONSUMER, chunk)
            if not fresh:
                return 0
            decoded = self._decoder.decode(fresh)
            requests = []
            for detection in decoded.frame.iter_rows(named=True):
                if not calls_for_teaser(detection, self._multiple):
                    continue
                request = teaser_request(detection, dt.datetime.now(dt.UTC))
                if problems(request):
                    log.warning("no teaser can be made", video_id=detection["video_id"])
                elif await _counts(conn, request):
                    requests.append(request)
            letters = [
                dead_letter(fresh, bad.row, reason=bad.reason, component=CONSUMER)
                for bad in decoded.rejects
            ]
            if requests or letters:
                await asyncio.to_thread(self._send, requests, letters)
            await offsets.store(conn, CONSUMER, fresh)
        return len(letters)

    def _send(self, requests: list[dict[str, Any]], letters: list[Any]) -> None:
        self._publisher.send_dead_letters(letters)
        for request in requests:
            self._publisher.publish(GENERATION_REQUESTS, request)
            log.info("teaser", job_id=request["job_id"], video_id=request["source_video_id"])
        self._publisher.flush()


def calls_for_teaser(detection: Mapping[str, Any], multiple: float) -> bool:
    """Whether a detection is large and certain enough."""
    uncertain = detection["too_recent"] or detection["insufficient_history"]
    return not uncertain and detection["multiple"] >= multiple


def teaser_request(detection: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """The request for a video's teaser: always the same job for the same video."""
    video_id = detection["video_id"]
    job_id = str(uuid.uuid5(_JOBS, video_id))
    title = " ".join((detection["title"] or "").split())[:_TITLE_MAX]
    subject = title or f"video {video_id}"
    return {
        **DEFAULTS,
        **(_TALL if detection["format"] == "short" else _WIDE),
        "event_id": job_id,
        "occurred_at": now,
        "job_id": job_id,
        "user_id": "policy:teasers",
        "prompt": f"{subject} - {detection['multiple']:.1f}x the usual views",
        "priority": "low",
        "requested_by": "policy",
        "source_video_id": video_id,
    }


async def _counts(conn: AsyncConnection[Any], request: Mapping[str, Any]) -> bool:
    """Enter a teaser into the count; False when it was asked for before, or the hour is full."""
    now = request["occurred_at"]
    await conn.execute(_SQL["turn"])
    row = await (await conn.execute(_SQL["recent"], {"now": now})).fetchone()
    facts = {"job_id": request["job_id"], "video_id": request["source_video_id"], "now": now}
    if row is not None and row[0] >= TEASERS_PER_HOUR:
        log.info("no teaser: the hour is full", video_id=request["source_video_id"])
        return False
    return await (await conn.execute(_SQL["add"], facts)).fetchone() is not None
