"""Live updates as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from api.errors import ApiError
from api.event_stream import EventStream
from api.live import PULSE
from api.live_ids import LONGEST
from api.routes import V1
from api.services import Here
from projections.catalogue import PROJECTIONS

router = APIRouter(prefix=V1, tags=["live"])

SUBJECTS = frozenset(
    {PULSE, *PROJECTIONS, *(topic for one in PROJECTIONS.values() for topic in one.topics)}
)


@router.get(
    "/live",
    summary="Live updates",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Until you go."}},
)
async def live(
    here: Here,
    topics: Annotated[
        str | None,
        Query(description=f"Some of {', '.join(sorted(SUBJECTS))}, by commas. Unset: all."),
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=LONGEST)] = None,
) -> EventStream:
    """`projection` events: its tables changed, ask again for what you show of it. `pulse` events:
    totals, rates and lags, at most once a second. `hello` comes first and says whether the stream
    goes on behind `Last-Event-ID`, with whatever has changed since, whichever process gave that
    id; when not, read everything again.
    """
    wanted = frozenset(word.strip() for word in (topics or "").split(",") if word.strip())
    if not wanted <= SUBJECTS:
        unknown = ", ".join(sorted(wanted - SUBJECTS))
        raise ApiError(
            422,
            "VALIDATION_ERROR",
            f"validation error: query.topics: nothing tells of {unknown}; "
            f"there are {', '.join(sorted(SUBJECTS))}",
            details={"errors": [{"path": "query.topics", "reason": f"unknown: {unknown}"}]},
        )
    return EventStream(here.live.stream(wanted, last_event_id))
