"""Videos: one resource, wherever they came from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from api import generation
from api.artifacts import serve
from api.database import Row
from api.errors import ApiError
from api.positions import MinPosition
from api.responses import also
from api.routes import V1
from api.services import Here
from api.shapes.paging import Cursor, Keyset, Offset, Page, instant
from api.shapes.videos import GeneratedVideo, ObservedVideo, VideoRequest, spoken_seconds
from api.users import Who
from schemas.catalogue import GENERATION_REQUESTS

router = APIRouter(prefix=f"{V1}/videos", tags=["videos"])

Video = ObservedVideo | GeneratedVideo
VideoStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]

# One state has another name here than among jobs, after the documented clients of each.
_JOB_STATUS: dict[str, str] = {"pending": "queued"}
_VIDEO_STATUS: dict[str, VideoStatus] = {"queued": "pending"}

_BY_AGE = Keyset("videos", at=instant, id=str)

_BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/mp4": {}, "image/jpeg": {}}, "description": "The file."},
    206: {
        "content": {"video/mp4": {}, "image/jpeg": {}},
        "description": "The part of the file that was asked for.",
    },
    **also(410, 416),
}


@router.post("/generate", summary="Generate a video", responses=also(429))
async def generate(
    body: VideoRequest,
    here: Here,
    who: Who,
    response: Response,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> GeneratedVideo:
    """Ask for a video. Values that do not go together are answered with 400."""
    row, position = await generation.ask(
        here, {**body.model_dump(), "user_id": who.name}, idempotency_key=idempotency_key
    )
    response.headers["X-Event-Position"] = str(position)
    return generated(row)


@router.get("", summary="Videos")
@router.get("/", include_in_schema=False)
async def videos(
    here: Here,
    who: Who,
    at_least: MinPosition,
    channel_id: str | None = None,
    origin: Annotated[
        Literal["observed", "generated"] | None, Query(description="Unset: both.")
    ] = None,
    status_filter: Annotated[
        VideoStatus | None, Query(description="Only generated ones of that status.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Page[Video]:
    """Newest first, by publication or request; of generated ones, those that one may see."""
    if at_least.position is None or at_least.position.topic != GENERATION_REQUESTS.name:
        await at_least.of(here.database, "videos")
    if channel_id is not None:
        origin = origin or "observed"
    if status_filter is not None:
        origin = origin or "generated"
    return await _page(
        here,
        observed=origin != "generated" and status_filter is None,
        generated=origin != "observed" and channel_id is None,
        owner=who.reads,
        channel_id=channel_id,
        status=_JOB_STATUS.get(status_filter, status_filter) if status_filter else None,
        limit=limit,
        offset=offset,
        cursor=cursor,
    )


@router.get("/{video_id}", summary="A video", response_model=Video)
async def video(
    video_id: str, here: Here, who: Who, at_least: MinPosition
) -> GeneratedVideo | Response:
    """An observed one with its latest counts; a generated one, by its job's id, with its links."""
    if at_least.position is None or at_least.position.topic != GENERATION_REQUESTS.name:
        await at_least.of(here.database, "videos")
    [body] = await here.videos.of([video_id])
    if body is not None:
        return Response(body, media_type="application/json")
    return generated(await generation.open_to(here, who, video_id, "video"))


@router.get(
    "/{video_id}/download", summary="The video's file", responses=_BINARY, response_class=Response
)
@router.head("/{video_id}/download", include_in_schema=False)
async def download(video_id: str, request: Request, here: Here, who: Who) -> Response:
    """The MP4 of a generated video, whole or a range of it."""
    job = await _finished(here, who, video_id)
    return await serve(
        here.artifacts,
        job["artifact"],
        "video/mp4",
        request,
        filename=f"{video_id}.mp4",
        sha256=job["sha256"],
    )


@router.get(
    "/{video_id}/thumbnail",
    summary="The video's picture",
    responses=_BINARY,
    response_class=Response,
)
@router.head("/{video_id}/thumbnail", include_in_schema=False)
async def thumbnail(video_id: str, request: Request, here: Here, who: Who) -> Response:
    """The JPEG of a generated video."""
    job = await _finished(here, who, video_id)
    return await serve(here.artifacts, job["thumbnail"], "image/jpeg", request)


async def observed_page(
    here: Here, channel_id: str, *, limit: int, offset: int, cursor: str | None
) -> Page[ObservedVideo]:
    """Observed videos of a channel, newest first."""
    page = await _page(
        here,
        observed=True,
        generated=False,
        owner=None,
        channel_id=channel_id,
        status=None,
        limit=limit,
        offset=offset,
        cursor=cursor,
    )
    return Page[ObservedVideo](**page.model_dump())


async def _page(
    here: Here,
    *,
    observed: bool,
    generated: bool,
    owner: str | None,
    channel_id: str | None,
    status: str | None,
    limit: int,
    offset: int,
    cursor: str | None,
) -> Page[Video]:
    asked = {
        "observed": observed,
        "generated": generated,
        "owner": owner,
        "channel_id": channel_id,
        "status": status,
    }
    page = await here.database.all(
        "videos.page",
        {
            **asked,
            **_BY_AGE.after(cursor),
            "limit": limit,
            "offset": 0 if cursor else offset,
        },
    )
    total = await here.database.one("videos.total", asked)
    by_id = await _by_id(here, page)
    return Page[Video](
        items=[by_id[row["origin"], row["id"]] for row in page],
        total=total["total"] if total else 0,
        limit=limit,
        offset=offset,
        next_cursor=_BY_AGE.cursor(page, limit),
    )


async def _by_id(here: Here, page: list[Row]) -> dict[tuple[str, str], Video]:
    ids: dict[str, list[str]] = {"observed": [], "generated": []}
    for row in page:
        ids[row["origin"]].append(row["id"])
    found: dict[tuple[str, str], Video] = {}
    if ids["observed"]:
        for row in await here.database.all("videos.by_ids", {"ids": ids["observed"]}):
            found["observed", row["video_id"]] = ObservedVideo(**row)
    if ids["generated"]:
        for row in await here.database.all("jobs.by_ids", {"ids": ids["generated"]}):
            found["generated", row["job_id"]] = generated(row)
    return found


async def _finished(here: Here, who: Who, video_id: str) -> Row:
    job = await generation.open_to(here, who, video_id, "generated video")
    if job["status"] != "completed" or not job["artifact"]:
        raise ApiError(
            400,
            "NOT_COMPLETED",
            f"video {video_id} is {_VIDEO_STATUS.get(job['status'], job['status'])}: "
            "there is nothing to fetch",
            details={"status": _VIDEO_STATUS.get(job["status"], job["status"])},
        )
    if job["artifacts_expired_at"] is not None:
        raise ApiError(
            410,
            "ARTIFACTS_EXPIRED",
            f"the files of video {video_id} were kept for their time and are gone",
            details={"expired_at": job["artifacts_expired_at"]},
        )
    return job


def has_files(job: Row) -> bool:
    """Whether a job has made files that are still there."""
    return bool(job["artifact"]) and job["artifacts_expired_at"] is None


def generated(job: Row) -> GeneratedVideo:
    """A row of `jobs` as a video."""
    done = job["status"] == "completed" and has_files(job)
    address = f"/api/v1/videos/{job['job_id']}"
    status: Any = _VIDEO_STATUS.get(job["status"], job["status"])
    return GeneratedVideo(
        video_id=job["job_id"],
        status=status,
        progress=job["percent"],
        video_url=f"{address}/download" if done else None,
        thumbnail_url=f"{address}/thumbnail" if done else None,
        processing_time=spoken_seconds(job["processing_s"]),
        error_message=job["cancel_reason"] if job["status"] == "cancelled" else job["error"],
        created_at=job["queued_at"] or job["updated_at"],
        completed_at=job["finished_at"],
        metadata={
            name: job[name]
            for name in (
                "prompt", "width", "height", "num_steps", "quality", "seed", "duration_s",
                "source_video_id",
            )
        },
    )  # fmt: skip
