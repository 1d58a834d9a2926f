"""Models as a folder: a manifest in JSON and LightGBM's texts, gzipped.

Nothing in it is code: whoever loads a bundle that was tampered with gets wrong numbers or an error,
not somebody's program. What is machine code is made here, see `compiled`.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from streams.virality.features import FEATURES, feature_hash
from streams.virality.models.bands import Bands
from streams.virality.models.score import Calibration, Thresholds
from streams.virality.models.stage import StageModel, Widening
from streams.virality.models.trees import Trees

FORMAT = 1
MANIFEST = "manifest.json"
_PARTS = ("point", "low", "high")


class BundleError(Exception):
    """A bundle cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Description:
    """What a bundle says of itself.

    Attributes:
        name: given in training.
        format: of the files.
        features: hash of the declared features of all its stages.
        trained_until: the newest fact it has learned from; None where that is not known.
        facts: what else its maker wrote down, such as seeds and sources.
    """

    name: str
    format: int
    features: str
    trained_until: dt.datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bundle:
    """Everything that a forecaster is made of."""

    description: Description
    stages: Mapping[str, StageModel]
    thresholds: Thresholds


def save(bundle: Bundle, folder: Path) -> str:
    """Write a bundle into an empty folder.

    Returns:
        Its version: its name, and the beginning of the checksum of its contents.
    """
    files: dict[str, str] = {}
    stages = {}
    for stage, model in bundle.stages.items():
        trees: dict[str, list[str]] = {}
        for part in _PARTS:
            trees[part] = []
            for number, text in enumerate(getattr(model, part).texts):
                name = f"{stage}-{part}-{number}.txt.gz"
                trees[part].append(_put(folder, name, text, files))
        stages[stage] = {
            "columns": list(model.point.columns),
            "features": feature_hash(model.features),
            "trees": trees,
            "bands": _put(folder, f"{stage}-bands.json.gz", _rounded(model.bands), files),
            "widening": asdict(model.widening),
            "calibration": model.calibration.as_json(),
            "ranges": {name: list(ends) for name, ends in model.ranges.items()},
        }
    until = bundle.description.trained_until
    manifest = {
        "format": FORMAT,
        "name": bundle.description.name,
        "features": bundle.description.features,
        "trained_until": None if until is None else until.isoformat(),
        "facts": dict(bundle.description.facts),
        "stages": stages,
        "thresholds": {
            "overall": bundle.thresholds.overall,
            "categories": {str(k): v for k, v in bundle.thresholds.categories.items()},
        },
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, sort_keys=True) + "\n")
    return _version(manifest)


def _put(folder: Path, name: str, text: str, files: dict[str, str]) -> str:
    # Without a time in the header: the same text is the same bytes.
    content = gzip.compress(text.encode(), mtime=0)
    (folder / name).write_bytes(content)
    files[name] = hashlib.sha256(content).hexdigest()
    return name


def _rounded(bands: Sequence[Bands]) -> str:
    """Bands as JSON; a hundred-thousandth of log10 is no width."""
    kept = [
        {
            "coverage": one.coverage,
            "scores": {key: np.round(scores, 5).tolist() for key, scores in one.scores.items()},
        }
        for one in bands
    ]
    return json.dumps(kept, sort_keys=True)


def load(folder: Path, compiled: Path | None = None) -> tuple[str, Bundle]:
    """Read a bundle: its version and what is in it.

    Args:
        compiled: folder of machine code; None is without.

    Raises:
        BundleError: something is missing or damaged, or is of another time than this software.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        _check_format(folder, manifest)
        return _version(manifest), _read(folder, manifest, compiled)
    except BundleError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # A JSON that is no manifest, a file that is not there, a gzip that was cut off.
        raise BundleError(
            f"{folder} holds no usable model: {type(error).__name__}: {error}"
        ) from None


def _check_format(folder: Path, manifest: Mapping[str, Any]) -> None:
    if manifest["format"] > FORMAT:
        raise BundleError(
            f"{folder} is a model of format {manifest['format']}, and this version of groundswell "
            f"reads up to {FORMAT}: upgrade it, or train a model with it"
        )
    known = {feature.name for feature in FEATURES}
    for stage, found in manifest["stages"].items():
        absent = [name for name in found["columns"] if name not in known]
        columns = [
            feature for name in found["columns"] for feature in FEATURES if feature.name == name
        ]
        if absent or feature_hash(columns) != found["features"]:
            what = (
                f"features that are no more ({', '.join(absent)})" if absent else "other features"
            )
            raise BundleError(
                f"{folder}: its stage {stage!r} was trained on {what}: train a model with this "
                "version of groundswell"
            )


def _read(folder: Path, manifest: Mapping[str, Any], compiled: Path | None) -> Bundle:
    until = manifest.get("trained_until")
    return Bundle(
        Description(
            name=manifest["name"],
            format=manifest["format"],
            features=manifest["features"],
            trained_until=None if until is None else dt.datetime.fromisoformat(until),
            facts=manifest.get("facts", {}),
        ),
        {
            stage: _stage(folder, found, manifest["files"], compiled)
            for stage, found in manifest["stages"].items()
        },
        Thresholds(
            manifest["thresholds"]["overall"],
            {int(k): v for k, v in manifest["thresholds"].get("categories", {}).items()},
        ),
    )


def _stage(
    folder: Path, found: Mapping[str, Any], files: Mapping[str, str], compiled: Path | None
) -> StageModel:
    trees = {
        part: Trees(
            found["columns"],
            [_text(folder, name, files[name]) for name in found["trees"][part]],
            compiled,
        )
        for part in _PARTS
    }
    calibration = found.get("calibration")
    return StageModel(
        **trees,
        bands=tuple(
            Bands.from_dict(kept)
            for kept in json.loads(_text(folder, found["bands"], files[found["bands"]]))
        ),
        widening=Widening(**found["widening"]),
        calibration=Calibration.from_json(calibration) if calibration else Calibration(),
        ranges={name: (low, high) for name, (low, high) in found.get("ranges", {}).items()},
    )


def _text(folder: Path, name: str, sha256: str) -> str:
    content = (folder / Path(name).name).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"{folder}/{name} is not what the manifest says: it was changed or cut")
    return gzip.decompress(content).decode()


def _version(manifest: Mapping[str, Any]) -> str:
    content = json.dumps(manifest, sort_keys=True).encode()
    return f"{manifest['name']}-{hashlib.sha256(content).hexdigest()[:12]}"
