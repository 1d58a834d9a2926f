"""What outlier analyses search for, exclude and like. Everybody may read it, administrators change
it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.commanding import connect
from api.errors import ApiError, from_validation
from api.responses import also
from api.routes import V1
from api.services import Here
from api.shapes.content import (
    Content,
    ContentAnswer,
    GamePatterns,
    PatternsAnswer,
    QueriesAnswer,
    SearchQueries,
)
from api.users import Who, actor
from streams.decisions.decider import Refused
from streams.outliers.content import content as configured
from streams.outliers.content.story import Current

router = APIRouter(prefix=f"{V1}/config/content", tags=["outlier analyses"])

ATTEMPTS = 5  # of a change of one part, while others change others

IfMatch = Annotated[
    str | None,
    Header(
        description="ETag of the content that the change was made from.",
        json_schema_extra={"pattern": r'^(\*|(W/)?"[0-9]{1,9}")$'},
    ),
]


@router.get("", summary="The content")
async def content(here: Here, response: Response) -> ContentAnswer:
    """As it is now; analyses keep what it was when they were asked for."""
    return _answer(await _current(here), response)


@router.put("", summary="Change the content", responses=also(412))
async def change(
    body: Content, here: Here, who: Who, response: Response, if_match: IfMatch = None
) -> ContentAnswer:
    """All of it. With `If-Match` only where nobody has changed it meanwhile, else 412."""
    return _answer(await _changed(here, who, body, _expected(if_match)), response)


@router.get("/search-queries", summary="Search queries")
@router.get("/queries", include_in_schema=False)
async def search_queries(here: Here, response: Response) -> QueriesAnswer:
    """By which channels are discovered."""
    return _queries(await _current(here), response)


@router.put("/search-queries", summary="Change the search queries", responses=also(412))
@router.put("/queries", include_in_schema=False)
async def change_queries(
    body: SearchQueries, here: Here, who: Who, response: Response, if_match: IfMatch = None
) -> QueriesAnswer:
    """Each search costs 100 units of YouTube's quota."""
    part = {"searchQueries": body.search_queries}
    return _queries(await _with(here, who, part, _expected(if_match)), response)


@router.get("/game-patterns", summary="Game patterns")
@router.get("/patterns", include_in_schema=False)
async def game_patterns(here: Here, response: Response) -> PatternsAnswer:
    """What competitors' titles are searched for."""
    return _patterns(await _current(here), response)


@router.put("/game-patterns", summary="Change the game patterns", responses=also(412))
@router.put("/patterns", include_in_schema=False)
async def change_patterns(
    body: GamePatterns, here: Here, who: Who, response: Response, if_match: IfMatch = None
) -> PatternsAnswer:
    """Phrases are found as whole words, whatever their case."""
    part = {"gamePatterns": body.game_patterns}
    return _patterns(await _with(here, who, part, _expected(if_match)), response)


@router.post("/reset", summary="Set the content back")
async def reset(here: Here, who: Who, response: Response) -> ContentAnswer:
    """To what is shipped."""
    async with await connect(here) as connection:
        return _answer(await configured.reset(connection, changed_by=actor(who)), response)


async def _current(here: Here) -> Current:
    return await here.database.ask(configured.current)


async def _with(here: Here, who: Who, part: Mapping[str, Any], expected: int | None) -> Current:
    """Change one part, leaving the others as they are at that very moment.

    Raises:
        ApiError: 422: the part does not fit. 412: others were first.
    """
    for attempt in range(1, ATTEMPTS + 1):
        now = await _current(here)
        try:
            wanted = Content.model_validate({**now.content.model_dump(by_alias=True), **part})
        except ValidationError as error:
            where = [{**found, "loc": ("body", *found["loc"])} for found in error.errors()]
            raise from_validation(RequestValidationError(where)) from None
        try:
            return await _changed(here, who, wanted, now.version if expected is None else expected)
        except ApiError as error:
            if expected is not None or attempt == ATTEMPTS or error.code != "CHANGED_MEANWHILE":
                raise
    raise AssertionError("the last attempt returns or raises")


async def _changed(here: Here, who: Who, wanted: Content, expected: int | None) -> Current:
    try:
        async with await connect(here) as connection:
            return await configured.change(
                connection, wanted, changed_by=actor(who), expected=expected
            )
    except Refused as refused:
        raise ApiError(412, "CHANGED_MEANWHILE", refused.reason) from None


def _expected(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ApiError(
            422,
            "VALIDATION_ERROR",
            "validation error: header.if-match: send the ETag of a GET, unchanged",
            details={"errors": [{"path": "header.if-match", "reason": "no ETag of this content"}]},
        )
    return int(text)


def _answer(now: Current, response: Response) -> ContentAnswer:
    _tag(now, response)
    return ContentAnswer(data=now.content, version=now.version, changed_by=now.changed_by)


def _queries(now: Current, response: Response) -> QueriesAnswer:
    _tag(now, response)
    return QueriesAnswer(data=list(now.content.search_queries), version=now.version)


def _patterns(now: Current, response: Response) -> PatternsAnswer:
    _tag(now, response)
    return PatternsAnswer(data=list(now.content.game_patterns), version=now.version)


def _tag(now: Current, response: Response) -> None:
    response.headers["ETag"] = f'"{now.version}"'
