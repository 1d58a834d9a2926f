"""The pinned Java archives of the embedded servers, downloaded once per user and verified.

A `.lock` file beside this module lists what a server is made of, one artifact a line:
`<sha256>  <group>:<artifact>:<version>[:<packaging>[:<classifier>]]`. Nothing is resolved at run
time, so a start never depends on what a repository says that day; `infra.embedded.relock` writes
the file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from infra.embedded.errors import EmbeddedError
from infra.embedded.locks import file_lock

log = structlog.get_logger()

_TRIES = 3
_PARALLEL_DOWNLOADS = 6
_HTTP_TIMEOUT = 60  # seconds without a byte


@dataclass(frozen=True)
class Artifact:
    """One pinned file of a Maven repository."""

    sha256: str
    group: str
    name: str
    version: str
    packaging: str = "jar"
    classifier: str = ""

    @classmethod
    def parse(cls, line: str) -> Artifact:
        """Read one line of a lock file."""
        sha256, coordinate = line.split()
        return cls(sha256, *coordinate.split(":"))

    @property
    def coordinate(self) -> str:
        """`group:artifact:version[:packaging[:classifier]]`."""
        tail = [] if self.packaging == "jar" else [self.packaging]
        if self.classifier:
            tail = [self.packaging, self.classifier]
        return ":".join([self.group, self.name, self.version, *tail])


def cache_directory() -> Path:
    """Where downloads are kept, shared by all homes of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "groundswell"


def read_lock(server: str) -> list[Artifact]:
    """The pinned artifacts of a server."""
    text = (Path(__file__).parent / f"{server}.lock").read_text()
    return [Artifact.parse(line) for line in text.splitlines() if line and line[0] != "#"]


def jars(server: str) -> Path:
    """A directory that holds exactly the pinned jars of a server."""

    def build(target: Path, files: list[Path]) -> None:
        for file in files:
            shutil.copy2(file, target / file.name)

    return _installed(server, build)


def unpacked(server: str) -> Path:
    """The directory into which the pinned tar of a server was unpacked."""

    def build(target: Path, files: list[Path]) -> None:
        for file in files:
            with tarfile.open(file) as tar:
                # The checksum makes the tar trustworthy; Python before 3.11.4 has no filters.
                if hasattr(tarfile, "data_filter"):
                    tar.extractall(target, filter="data")
                else:
                    tar.extractall(target)  # noqa: S202  # pinned by SHA-256  # nosec B202

    return _installed(server, build)


def _installed(server: str, build: Callable[[Path, list[Path]], None]) -> Path:
    """Download, verify and build once; the finished directory appears by one rename."""
    artifacts = read_lock(server)
    pins = hashlib.sha256("".join(a.sha256 for a in artifacts).encode()).hexdigest()[:12]
    cache = cache_directory()
    target = cache / f"{server}-{pins}"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with file_lock(cache / f"{server}.lock"):
        if target.exists():  # another process was quicker
            return target
        log.info("downloading", server=server, files=len(artifacts), into=str(cache))
        downloads = cache / f"{server}-downloads"
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            files = list(pool.map(lambda a: fetch(a, downloads), artifacts))
        with _scratch(cache) as scratch:
            build(scratch, files)
            scratch.rename(target)
        shutil.rmtree(downloads)
    return target


def fetch(artifact: Artifact, downloads: Path) -> Path:
    """Download one artifact unless it is there, and check that it is the pinned one.

    Raises:
        EmbeddedError: it cannot be had, or its checksum is another one each time.
    """
    reason = ""
    for _ in range(_TRIES):
        try:
            path = fetch_unchecked(artifact, downloads)
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            reason = f"{type(error).__name__}: {error}"
            continue
        if sha256_of(path) == artifact.sha256:
            return path
        reason = "its sha256 differs from the pinned one"
        path.unlink()
    raise EmbeddedError(
        f"cannot download {artifact.coordinate} ({reason}): check the network, or set the address "
        "of a server of your own (KAFKA_BOOTSTRAP_SERVERS, SCHEMA_REGISTRY_URL)"
    )


def fetch_unchecked(artifact: Artifact, downloads: Path) -> Path:
    """Download one artifact unless it is there; half a file is removed before the error leaves."""
    from jgo.maven import MavenContext, PythonResolver  # slow to import, rarely needed

    context = MavenContext(resolver=PythonResolver(), repo_cache=downloads, timeout=_HTTP_TIMEOUT)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    file = component.artifact(artifact.classifier, artifact.packaging)
    try:
        return Path(file.resolve())
    except (OSError, RuntimeError):
        file.cached_path.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """The hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A directory beside its destination, gone unless it was renamed."""
    path = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=parent))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
