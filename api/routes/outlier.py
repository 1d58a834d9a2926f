"""Outlier analyses: asked for, watched, taken away."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, WebSocket
from pydantic import ValidationError

from api import analyses
from api.database import Row
from api.errors import ApiError
from api.exports import csv_file, xlsx_file
from api.exports.table import Cell, rows
from api.positions import MinPosition
from api.routes import V1
from api.services import Here
from api.shapes.analyses import (
    AnalysisItem,
    AnalysisList,
    AnalysisStatus,
    CancelAnalysisRequest,
    Results,
    Started,
    StartRequest,
    State,
)
from api.shapes.paging import Cursor, Keyset, Offset, instant
from api.users import Who
from api.websockets.analyses import AnalysisStory
from api.websockets.serving import serve
from streams.outliers.analyses.request import AnalysisRequest
from streams.outliers.analyses.state import DONE

router = APIRouter(prefix=f"{V1}/outlier", tags=["outlier analyses"])

_BY_AGE = Keyset("analyses", at=instant, analysis_id=str)
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@router.post("/start", summary="Look for outliers")
async def start(
    body: StartRequest,
    here: Here,
    who: Who,
    response: Response,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Started:
    """Queue an analysis. The same user's same `Idempotency-Key` is the same analysis."""
    row = await analyses.start(here, who, _held_rules(body), idempotency_key)
    response.headers["Location"] = f"{V1}/outlier/status/{row['analysis_id']}"
    return Started(
        analysis_id=row["analysis_id"],
        status=_number(row),
        state=row["state"],
        message="Analysis started successfully",
    )


@router.get("/status/{analysis_id}", summary="How far an analysis is")
async def status(analysis_id: str, here: Here, who: Who, at_least: MinPosition) -> AnalysisStatus:
    """Known from the moment that it was asked for."""
    await at_least.of(here.database, "analyses")
    return _status(await analyses.open_to(here, who, analysis_id))


@router.get("/results/{analysis_id}", summary="What an analysis found")
async def results(analysis_id: str, here: Here, who: Who, at_least: MinPosition) -> Results:
    """Best first. Before it is done: 400, with its status."""
    await at_least.of(here.database, "analyses")
    return _results(await _completed(here, who, analysis_id))


@router.get(
    "/export/{analysis_id}",
    summary="Results as CSV",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "The file."}},
)
async def export_csv(analysis_id: str, here: Here, who: Who) -> Response:
    """UTF-8 with a byte order mark; texts that could be formulas begin with an apostrophe."""
    row = await _completed(here, who, analysis_id)
    content = csv_file.written(rows(analyses.results_of(row)))
    return _file(content, csv_file.MEDIA_TYPE, f"outliers-{analysis_id}.csv")


@router.get(
    "/export/{analysis_id}/excel",
    summary="Results as a workbook",
    response_class=Response,
    responses={200: {"content": {xlsx_file.MEDIA_TYPE: {}}, "description": "The file."}},
)
async def export_excel(analysis_id: str, here: Here, who: Who) -> Response:
    """A summary, the videos, and figures of their channels; no cell is a formula or a link."""
    row = await _completed(here, who, analysis_id)
    content = await asyncio.to_thread(
        xlsx_file.written, _figures(row), rows(analyses.results_of(row))
    )
    return _file(content, xlsx_file.MEDIA_TYPE, f"outliers-analysis-{analysis_id}.xlsx")


@router.get("/export/{analysis_id}/json", summary="Results as JSON")
async def export_json(analysis_id: str, here: Here, who: Who, response: Response) -> Results:
    """The answer of `results`, as a file."""
    found = _results(await _completed(here, who, analysis_id))
    response.headers["Content-Disposition"] = _attachment(f"outliers-{analysis_id}.json")
    return found


@router.get("/list", summary="Analyses")
async def listed(
    here: Here,
    who: Who,
    at_least: MinPosition,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> AnalysisList:
    """One's own, newest first; moderators see everybody's."""
    await at_least.of(here.database, "analyses")
    asked = {"user_id": who.reads, "state": state}
    page = {**asked, **_BY_AGE.after(cursor), "limit": limit, "offset": 0 if cursor else offset}
    found = await here.database.all("analyses.page", page)
    total = await here.database.one("analyses.total", asked)
    return AnalysisList(
        analyses=[_item(row) for row in found],
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
        next_cursor=_BY_AGE.cursor(found, limit),
    )


@router.post("/cancel/{analysis_id}", summary="Call an analysis off")
async def cancel(
    analysis_id: str, here: Here, who: Who, body: CancelAnalysisRequest | None = None
) -> AnalysisStatus:
    """One that waits never runs, one that runs stops soon, one that has ended is refused with 400.

    Its story stays.
    """
    reason = (body or CancelAnalysisRequest()).reason
    return _status(await analyses.cancel(here, who, analysis_id, reason))


@router.websocket("/ws/{analysis_id}")
async def listen(
    websocket: WebSocket, analysis_id: str, here: Here, after: str | None = None
) -> None:
    """Its progress, as it comes; docs/api.md has the events and how a browser sends the key."""
    await serve(websocket, here, lambda: AnalysisStory(analysis_id, after))


def _held_rules(body: StartRequest) -> AnalysisRequest:
    try:
        return AnalysisRequest.model_validate(body.model_dump())
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ApiError(
            400,
            "BUSINESS_RULE",
            reason,
            details={"errors": [{"path": "body.maxSubs", "reason": reason}]},
        ) from None


async def _completed(here: Here, who: Who, analysis_id: str) -> Row:
    row = await analyses.open_to(here, who, analysis_id)
    if row["state"] != "completed":
        error = ApiError(
            400,
            "NOT_COMPLETED",
            f"the analysis is {row['state']}: it has no results"
            + ("" if row["state"] in analyses.ENDED else " yet"),
            details={"status": _number(row), "state": row["state"], "error": row["error"]},
        )
        error.also = {"success": False, "status": _number(row), "state": row["state"]}
        raise error
    return row


def _number(row: Row) -> int:
    return DONE if row["state"] == "completed" else min(max(row["step"] or 0, 0), DONE - 1)


def _status(row: Row) -> AnalysisStatus:
    return AnalysisStatus(
        analysis_id=row["analysis_id"],
        user_id=row["user_id"] or "",
        status=_number(row),
        state=row["state"],
        step=row["step"] or 0,
        message=_message(row),
        progress=row["progress"],
        error=row["reason"] if row["state"] == "cancelled" else row["error"],
        paused_until=row["resumes_at"],
        config=_config(row),
        exclusion_games=row["games"] or [],
        unresolved_channels=row["unresolved"] or [],
        channels_discovered=row["channels"],
        channels_analyzed=row["analyzed"],
        start_time=row["requested_at"],
        end_time=row["finished_at"],
        version=row["version"],
    )


def _message(row: Row) -> str:
    match row["state"]:
        case "queued":
            return "Waiting for a worker"
        case "paused":
            return row["reason"] or "Waiting"
        case "completed":
            return "Done"
        case "failed":
            return "Failed"
        case "cancelled":
            return "Cancelled"
    return row["message"] or "Running"


def _config(row: Row) -> dict[str, object]:
    asked = analyses.request_of(row)
    names = AnalysisRequest.model_fields
    return {(field.alias or name): asked.get(name) for name, field in names.items()}


def _results(row: Row) -> Results:
    return Results(
        analysis_id=row["analysis_id"],
        results=analyses.results_of(row),
        summary=analyses.summary_of(row),
    )


def _item(row: Row) -> AnalysisItem:
    return AnalysisItem(
        id=row["analysis_id"],
        user_id=row["user_id"] or "",
        status=_number(row),
        state=row["state"],
        progress=row["progress"],
        start_time=row["requested_at"],
        end_time=row["finished_at"],
        result_count=_count(row),
        config=_config(row),
    )


def _count(row: Row) -> int:
    if row["state"] != "completed":
        return 0
    try:
        return analyses.summary_of(row).total_outliers
    except ApiError:
        return 0  # one that cannot be read must not hide the others


def _figures(row: Row) -> list[tuple[str, Cell]]:
    """The first sheet of a workbook."""
    summary = analyses.summary_of(row)
    config = _config(row)
    competitors = config["exclusionChannels"]
    return [
        ("Analysis ID", row["analysis_id"]),
        ("Status", row["state"]),
        ("Started At", _written(row["requested_at"])),
        ("Completed At", _written(row["finished_at"])),
        ("Total Outliers Found", summary.total_outliers),
        ("Total Channels Analyzed", summary.channels_analyzed),
        ("Exclusion Games", ", ".join(summary.excluded_games)),
        ("Time Window (days)", _cell(config["timeWindow"])),
        ("Min Subscribers", _cell(config["minSubs"])),
        ("Max Subscribers", _cell(config["maxSubs"])),
        ("Outlier Threshold", _cell(config["outlierThreshold"])),
        (
            "Exclusion Channels",
            ", ".join(map(str, competitors)) if isinstance(competitors, list) else "",
        ),
    ]


def _cell(value: object) -> Cell:
    return value if isinstance(value, int | float) else str(value)


def _written(at: object) -> str:
    return "" if at is None else str(at)


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": _attachment(name)}
    )


def _attachment(name: str) -> str:
    # Ids are their producers' own: nothing of them may end the header or name another folder.
    return f'attachment; filename="{_NOT_IN_NAME.sub("_", name)}"'
