"""Files of models: in the artifact store, and fetched from it into the data directory."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from streams.artifacts import Artifacts, MissingArtifactError
from streams.virality.registry.models import FAMILY, Model, ModelFile, RegistryError

# Names come from events and become paths: no separators, no dot in front.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class DamagedModelError(RegistryError):
    """A model's file is not what was registered."""


class ModelStore:
    """Puts models into the artifact store and fetches them, each file held against its checksum.

    Its methods block: a coroutine calls them in a thread.

    Args:
        url: `Settings.artifacts_url`.
        folder: where fetched models are kept, one folder each.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    def put(self, version: str, files: Iterable[Path]) -> tuple[ModelFile, ...]:
        """Put the files of a model, each under its own name.

        Raises:
            ArtifactError: something could not be stored.
        """
        return asyncio.run(self._put(_plain(version), list(files)))

    def fetch(self, model: Model) -> Path:
        """The folder with a model's files; those that are not here yet come from the store.

        Raises:
            DamagedModelError: a file is missing, or its checksum is not the registered one.
            ArtifactError: the store could not be read.
        """
        target = self._folder / _plain(model.version)
        if _intact(target, model.files):
            return target
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".fetch-") as scratch:
            arrived = Path(scratch) / "model"
            arrived.mkdir()
            asyncio.run(self._fetch(model, arrived))
            _check(arrived, model)
            _replace(arrived, target)
        return target

    async def _put(self, version: str, files: list[Path]) -> tuple[ModelFile, ...]:
        artifacts = Artifacts(self._url)
        stored = []
        for path in files:
            found = await artifacts.put_file(path, _name(version, _plain(path.name)))
            stored.append(ModelFile(path.name, found.bytes, found.sha256))
        return tuple(stored)

    async def _fetch(self, model: Model, folder: Path) -> None:
        artifacts = Artifacts(self._url)
        for file in model.files:
            try:
                content = await artifacts.read(_name(model.version, _plain(file.name)))
            except MissingArtifactError as error:
                raise DamagedModelError(f"model {model.version}: {error}") from None
            await asyncio.to_thread((folder / file.name).write_bytes, content)


def _name(version: str, file: str) -> str:
    return f"models/{FAMILY}/{version}/{file}"


def _plain(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise DamagedModelError(f"{name!r} is no name of a model or of a model's file")
    return name


def _intact(folder: Path, files: Iterable[ModelFile]) -> bool:
    try:
        return all(_sha256(folder / _plain(file.name)) == file.sha256 for file in files)
    except OSError:
        return False


def _check(folder: Path, model: Model) -> None:
    for file in model.files:
        found = _sha256(folder / file.name)
        if found != file.sha256:
            raise DamagedModelError(
                f"model {model.version}: {file.name} has the checksum {found[:12]}..., registered "
                f"was {file.sha256[:12]}...: somebody changed it in the artifact store"
            )


def _replace(arrived: Path, target: Path) -> None:
    # A damaged copy of before is in the way; whoever uses it has loaded it already.
    shutil.rmtree(target, ignore_errors=True)
    try:
        arrived.rename(target)
    except OSError:
        # Another process of this data directory was faster, with the same contents.
        if not target.is_dir():
            raise


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
