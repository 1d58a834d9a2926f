"""Files out of the artifact store, whole or in ranges (RFC 9110, section 14)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from urllib.parse import quote

import structlog
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.around.conditional import matches, unchanged
from api.errors import ApiError
from streams.artifacts import (
    ArtifactError,
    Artifacts,
    DamagedArtifactError,
    MissingArtifactError,
)

log = structlog.get_logger()

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def serve(
    artifacts: Artifacts,
    name: str,
    media_type: str,
    request: Request,
    *,
    filename: str | None = None,
    sha256: str | None = None,
) -> Response:
    """An artifact as a response.

    One range is honoured; several at once are answered with the whole, as the standard allows. The
    whole is held against its checksum while it is sent: of a damaged one the end never comes, so
    that no client takes it for complete.

    Args:
        sha256: checksum of the whole, hexadecimal; sent along (RFC 9530), for ranges too.

    Raises:
        ApiError: 404: the store does not have it any more. 416: the range lies outside. 503: the
            store does not answer.
    """
    try:
        size = await artifacts.size(name)
    except MissingArtifactError:
        raise ApiError(
            404, "ARTIFACT_MISSING", f"the artifact store does not have {name} any more"
        ) from None
    except ArtifactError as error:
        raise ApiError(
            503, "ARTIFACTS_UNAVAILABLE", str(error), headers={"Retry-After": "2"}
        ) from None
    wanted = _wanted(request, size)
    start, end = wanted or (0, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        # A finished video never changes; it is still only for whoever may ask.
        "Cache-Control": "private, max-age=86400, immutable",
        "ETag": f'"{name}-{size}"',
    }
    if sha256 is not None:
        headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"
    if filename is not None:
        headers["Content-Disposition"] = f'inline; filename="{quote(filename)}"'
    if wanted is None and matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=unchanged(headers))
    status = 200
    if wanted is not None:
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    parts = artifacts.stream(name, start, end)
    if sha256 is not None and wanted is None:
        parts = artifacts.checked(name, sha256)
    return StreamingResponse(_told(parts), status, headers, media_type=media_type)


async def _told(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same; what goes wrong on the way ends the connection, and the log says why."""
    try:
        async for part in parts:
            yield part
    except (DamagedArtifactError, MissingArtifactError, ArtifactError) as error:
        log.error("download cut off", reason=str(error))
        raise


def _wanted(request: Request, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; None when the whole is asked for."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or asked.groups() == ("", ""):
        return None
    first, last = asked.groups()
    if first == "":
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None  # no valid range at all: as if it had not been sent
    if start >= end:
        raise ApiError(
            416,
            "RANGE_NOT_SATISFIABLE",
            f"the file has {size} bytes",
            details={"bytes": size},
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
