"""Pin the archives again: `python -m infra.embedded.relock kafka GROUP:ARTIFACT:VERSION ...`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from infra.embedded.archives import Artifact, fetch_unchecked, sha256_of


def relock(server: str, coordinates: list[str]) -> Path:
    """Resolve what `coordinates` need at run time and write `<server>.lock` with checksums.

    Each coordinate is resolved by itself and the first one's versions win, so that a small
    addition cannot change what the server was built with. One with a packaging
    (`G:A:V:tar.gz:all`) is a single file without dependencies.
    """
    found: dict[tuple[str, str], Artifact] = {}
    for coordinate in coordinates:
        for artifact in _needed(coordinate):
            found.setdefault((artifact.group, artifact.name), artifact)
    target = Path(__file__).parent / f"{server}.lock"
    with tempfile.TemporaryDirectory() as downloads:
        lines = [
            f"{sha256_of(fetch_unchecked(artifact, Path(downloads)))}  {artifact.coordinate}\n"
            for _, artifact in sorted(found.items())
        ]
    target.write_text("".join(lines))
    return target


def _needed(coordinate: str) -> list[Artifact]:
    if coordinate.count(":") > 2:
        return [Artifact.parse(f"- {coordinate}")]
    from jgo.maven import MavenContext, PythonResolver

    with tempfile.TemporaryDirectory() as poms:
        context = MavenContext(resolver=PythonResolver(), repo_cache=Path(poms), timeout=60)
        asked, needed = context.resolver.resolve([context.create_dependency(coordinate)])
    return [
        Artifact("-", d.groupId, d.artifactId, d.version, d.type or "jar", d.classifier or "")
        for d in [*asked, *needed]
        if d.scope in (None, "compile", "runtime")
    ]


if __name__ == "__main__":
    relock(sys.argv[1], sys.argv[2:])
