"""Trees as machine code: compiled once (lleaves, LLVM), kept in the data directory.

Compiling takes a second per hundred trees or so, and is done when a model is registered, never
while it serves. What is kept is machine code that processes load and run, so the directory must be
its owner's alone, the name says for which trees, processor and compiler it is, and its checksum
stands beside it: half a file would take the process down.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import lleaves

Floats = npt.NDArray[np.float64]

_TREES, _CODE, _CHECKSUM = "trees.txt", "code.o", "code.sha256"

# Few trees a block stay in the processor's cache of instructions (docs/decisions/0012), and code
# that is known to lie within 2 GiB is addressed in one step: 0.53 s for 100,000 rows, against
# 0.72 s with lleaves' defaults. Beyond so long a text nobody has tried.
_BLOCK = 10
_SMALL_TEXT = 64 << 20  # characters


class NotCompiledError(Exception):
    """There is no machine code for these trees here, or it may not be used."""


class CompiledTrees:
    """Trees that predict as LightGBM's own do, several times as fast; one thread.

    The interpreter's lock is not held while they do.
    """

    def __init__(self, model: lleaves.Model) -> None:
        self._model = model

    def predict(self, table: Floats) -> Floats:
        """One prediction a row.

        Args:
            table: rows of features, C-contiguous; NaN is missing.
        """
        return np.asarray(self._model.predict(table, n_jobs=1))


def compile_trees(text: str, folder: Path) -> CompiledTrees:
    """Compile trees, or take those that were compiled before.

    Args:
        text: LightGBM's text of a model.
        folder: where machine code is kept; made, for its owner alone, where it is not there.

    Raises:
        NotCompiledError: the folder may be written by others.
    """
    try:
        return load_trees(text, folder)
    except NotCompiledError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _ours_alone(folder)
    target = folder / _key(text)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".compile-") as scratch:
        place = Path(scratch) / "trees"
        place.mkdir(mode=0o700)
        (place / _TREES).write_text(text)
        _model(place, compile_anew=True)
        (place / _CHECKSUM).write_text(_sha256(place / _CODE))
        _replace(place, target)
    return load_trees(text, folder)


def load_trees(text: str, folder: Path) -> CompiledTrees:
    """Trees that were compiled on this kind of processor before.

    Raises:
        NotCompiledError: they were not, the files are damaged, or others may have changed them.
    """
    place = folder / _key(text)
    if not place.is_dir():
        raise NotCompiledError(f"{place} is not there")
    for part in (folder, place):
        _ours_alone(part)
    try:
        intact = (
            _sha256(place / _CODE) == (place / _CHECKSUM).read_text()
            and (place / _TREES).read_text() == text
        )
    except OSError as error:
        raise NotCompiledError(f"{place}: {error}") from None
    if not intact:
        raise NotCompiledError(f"{place} is damaged")
    return CompiledTrees(_model(place))


def _model(place: Path, *, compile_anew: bool = False) -> lleaves.Model:
    import lleaves  # loads LLVM: a tenth of a second that only those pay who use it

    code = place / _CODE
    model = lleaves.Model(str(place / _TREES))
    size = (place / _TREES).stat().st_size
    model.compile(
        cache=str(code), fblocksize=_BLOCK, fcodemodel="small" if size <= _SMALL_TEXT else "large"
    )
    if compile_anew and not code.exists():
        raise NotCompiledError(f"{code} was not written")
    return model


def _replace(place: Path, target: Path) -> None:
    damaged = target.with_name(f".damaged-{target.name}-{os.getpid()}")
    try:
        target.rename(damaged)
    except FileNotFoundError:
        pass
    else:
        for file in damaged.iterdir():
            file.unlink()
        damaged.rmdir()
    try:
        place.rename(target)
    except OSError:
        # Another process compiled the same at the same time.
        if not target.is_dir():
            raise


def _ours_alone(folder: Path) -> None:
    found = folder.stat(follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NotCompiledError(f"{folder} is not a directory of this user: remove it")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise NotCompiledError(f"others have rights in {folder}: `chmod 700` it, or remove it")


def _key(text: str) -> str:
    return hashlib.sha256(f"{_here()}\n{text}".encode()).hexdigest()


@cache
def _here() -> str:
    """The processor and the compilers: other ones may make, and need, other code."""
    import llvmlite.binding as llvm

    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        features = "unknown"
    return "\n".join(
        (
            llvm.get_process_triple(),
            llvm.get_host_cpu_name(),
            features,
            str(_BLOCK),
            version("lleaves"),
            version("llvmlite"),
        )
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
