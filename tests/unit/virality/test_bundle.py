"""Bundles: what is written is read, and what cannot be trusted is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.virality.models import bundle
from streams.virality.models.bundle import BundleError
from streams.virality.models.forecaster import Forecaster
from tests.unit.virality.bundles import saved
from tests.unit.virality.moments import count, frame, moment, usual


def manifest(folder: Path, **changes: Any) -> None:
    """Change fields of the manifest; None takes one away."""
    path = folder / bundle.MANIFEST
    found = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


def test_what_was_saved_forecasts_after_loading(tmp_path: Path) -> None:
    version = saved(tmp_path / "model", before=4.0, after=0.1)
    model = Forecaster.load(tmp_path / "model")
    said = model.at(frame(moment(), moment([count(24, 9_999)])), np.array([24.0, 24.0]))

    assert model.version == version
    assert said.median == pytest.approx([4.0, 4.1])
    assert said.lower == pytest.approx([3.5, 4.0])  # no fewer than there are
    assert said.upper == pytest.approx([4.5, 4.6])


def test_a_version_is_its_contents(tmp_path: Path) -> None:
    one, same = saved(tmp_path / "a"), saved(tmp_path / "b")
    other = saved(tmp_path / "c", after=0.2)

    assert one == same
    assert one != other
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()
    }


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    path = tmp_path / "model" / "after-point-0.txt.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"\n"))

    with pytest.raises(BundleError, match="after-point-0"):
        Forecaster.load(tmp_path / "model")


@pytest.mark.parametrize("name", [bundle.MANIFEST, "before-low-0.txt.gz", "after-bands.json.gz"])
@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "noise"])
def test_a_damaged_bundle_is_refused_in_one_line(tmp_path: Path, name: str, damage: str) -> None:
    saved(tmp_path / "model")
    path = tmp_path / "model" / name
    whole = path.read_bytes()
    path.unlink()
    if damage != "absent":
        path.write_bytes(
            {"empty": b"", "cut": whole[: len(whole) // 2], "noise": b"\x00\xff"}[damage]
        )

    with pytest.raises(BundleError) as raised:
        Forecaster.load(tmp_path / "model")
    assert str(tmp_path / "model") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_newer_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    manifest(tmp_path / "model", format=bundle.FORMAT + 1)

    with pytest.raises(BundleError, match=r"upgrade it, or train"):
        Forecaster.load(tmp_path / "model")


def test_a_bundle_without_later_fields_still_loads(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    stages = json.loads((tmp_path / "model" / bundle.MANIFEST).read_text())["stages"]
    for found in stages.values():
        del found["calibration"], found["ranges"]
    manifest(
        tmp_path / "model",
        stages=stages,
        facts=None,
        trained_until=None,
        thresholds={"overall": 5.0},
        of_a_later_time="passed over",
    )
    model = Forecaster.load(tmp_path / "model")

    assert model.description.trained_until is None
    assert model.forecast(frame(moment(history=usual())))["score"].is_between(0, 100).all()
    assert model.recommend(frame(moment())) == [[]]


def test_other_features_are_refused_with_what_to_do(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    stages = json.loads((tmp_path / "model" / bundle.MANIFEST).read_text())["stages"]
    stages["after"]["features"] = "0" * 64
    manifest(tmp_path / "model", stages=stages)
    with pytest.raises(BundleError, match=r"other features.*train a model"):
        Forecaster.load(tmp_path / "model")

    stages["after"]["columns"][0] = "gone"
    manifest(tmp_path / "model", stages=stages)
    with pytest.raises(BundleError, match=r"no more \(gone\)"):
        Forecaster.load(tmp_path / "model")


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    (tmp_path / "outside.txt.gz").write_bytes((tmp_path / "model/after-low-0.txt.gz").read_bytes())
    path = tmp_path / "model" / bundle.MANIFEST
    path.write_text(path.read_text().replace("after-low-0.txt.gz", "../outside.txt.gz"))

    with pytest.raises(BundleError):
        Forecaster.load(tmp_path / "model")
