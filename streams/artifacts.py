"""Files that are no events (videos, thumbnails, models), in a folder or a bucket by URL."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

_AT_ONCE = 1024 * 1024  # bytes up to which a file is put with one request
_PART = 256 * 1024  # bytes that a stream yields at least, but for its last part
_UNFINISHED = re.compile(r"#\d+$")  # what a folder's files are called while they are written


class MissingArtifactError(Exception):
    """The store has no artifact of that name."""


class ArtifactError(Exception):
    """The store could not be used."""


class DamagedArtifactError(Exception):
    """What the store has is not what was put."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An artifact that is in the store.

    Attributes:
        name: where in the store.
        bytes: its size.
        sha256: its checksum, hexadecimal.
    """

    name: str
    bytes: int
    sha256: str


class Listed(NamedTuple):
    """What the store says of an artifact.

    Attributes:
        modified: when it was put (UTC).
    """

    name: str
    bytes: int
    modified: dt.datetime


class Artifacts:
    """Artifacts by name. Puts are atomic: a name has its whole content or none.

    Args:
        url: `Settings.artifacts_url`. Credentials of buckets come from the cloud's usual
            environment variables.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        options: dict[str, Any] = {}
        self._folder: Path | None = None
        if urlsplit(url).scheme == "file":
            options["mkdir"] = True
            self._folder = Path(unquote(urlsplit(url).path))
        try:
            self._store = from_url(url, **options)
        except (BaseError, ValueError, OSError) as error:
            raise ArtifactError(
                f"ARTIFACTS_URL {url!r} cannot be used ({_first_line(error)}); "
                "write file:///folder, s3://bucket/prefix, gs://... or az://..."
            ) from None

    async def put_file(self, path: Path, name: str) -> Stored:
        """Put a file's content under a name, replacing what was there.

        Raises:
            ArtifactError: it could not be stored; what was there before still is.
        """
        size, sha256, content = await asyncio.to_thread(_measure, path)
        try:
            if content is None:
                await obstore.put_async(self._store, name, path)
            else:
                await obstore.put_async(self._store, name, content, use_multipart=False)
        except (BaseError, OSError) as error:
            raise ArtifactError(f"{name} was not stored: {_first_line(error)}") from None
        return Stored(name, size, sha256)

    async def size(self, name: str) -> int:
        """Bytes of an artifact.

        Raises:
            MissingArtifactError: there is none of that name.
            ArtifactError: the store could not be asked.
        """
        try:
            return int((await obstore.head_async(self._store, name))["size"])
        except FileNotFoundError:
            raise MissingArtifactError(f"no artifact is called {name}") from None
        except (BaseError, OSError) as error:
            raise ArtifactError(f"{name} could not be read: {_first_line(error)}") from None

    async def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from `start` up to, not including, `end`; None is the artifact's end.

        Raises:
            MissingArtifactError: there is none of that name.
            ArtifactError: the store could not be read.
        """
        return b"".join([part async for part in self.stream(name, start, end)])

    async def stream(
        self, name: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The same in parts, as they come from the store."""
        stop = await self.size(name) if end is None else end
        if stop <= start:
            return
        try:
            found = await obstore.get_async(self._store, name, options={"range": (start, stop)})
            async for part in found.stream(min_chunk_size=_PART):
                yield bytes(part)
        except FileNotFoundError:
            raise MissingArtifactError(f"no artifact is called {name}") from None
        except (BaseError, OSError) as error:
            raise ArtifactError(f"{name} could not be read: {_first_line(error)}") from None

    async def checked(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        """All of an artifact in parts; the last one comes only if the whole is what was put.

        Args:
            sha256: its checksum, hexadecimal.

        Raises:
            DamagedArtifactError: it is not; what was yielded so far is not all of it.
            MissingArtifactError, ArtifactError: as of `read`.
        """
        digest = hashlib.sha256()
        held = b""
        async for part in self.stream(name):
            if held:
                yield held
            held = part
            digest.update(part)
        if digest.hexdigest() != sha256:
            raise DamagedArtifactError(f"{name} is damaged: its checksum is not {sha256}")
        if held:
            yield held

    async def listed(self, prefix: str) -> AsyncIterator[list[Listed]]:
        """Every artifact whose name begins with a folder, some at a time.

        Raises:
            ArtifactError: the store could not be asked.
        """
        try:
            async for found in obstore.list(self._store, prefix):
                yield [Listed(one["path"], one["size"], one["last_modified"]) for one in found]
        except (BaseError, OSError) as error:
            raise ArtifactError(f"{prefix} could not be listed: {_first_line(error)}") from None

    async def remove_unfinished(self, before: dt.datetime) -> int:
        """Remove what puts that were cut off before that instant have left in a folder.

        A bucket removes such parts itself, by a rule of its lifecycle.

        Returns:
            How many files that were.
        """
        if self._folder is None:
            return 0
        return await asyncio.to_thread(_remove_unfinished, self._folder, before.timestamp())

    async def delete(self, name: str) -> None:
        """Remove an artifact; one that is not there is no error."""
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise ArtifactError(f"{name} was not removed: {_first_line(error)}") from None


def _remove_unfinished(folder: Path, before: float) -> int:
    removed = 0
    for path in folder.rglob("*#*"):
        with contextlib.suppress(FileNotFoundError):  # the put has ended meanwhile
            if _UNFINISHED.search(path.name) and path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed


def _measure(path: Path) -> tuple[int, str, bytes | None]:
    """Size and checksum, and the content where that is small."""
    with path.open("rb") as source:
        content = source.read(_AT_ONCE + 1)
        if len(content) <= _AT_ONCE:
            return len(content), hashlib.sha256(content).hexdigest(), content
        source.seek(0)
        digest = hashlib.file_digest(source, "sha256")
        return source.tell(), digest.hexdigest(), None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
