"""Machine code of trees: the same predictions, and nobody else's code."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from streams.virality.models.compiled import NotCompiledError, compile_trees, load_trees

FEATURES = 6


@pytest.fixture(scope="module")
def trees() -> str:
    generator = np.random.default_rng(1)
    table = generator.normal(size=(3000, FEATURES))
    table[generator.random(table.shape) < 0.1] = np.nan
    table[:, 5] = generator.integers(0, 4, 3000)  # never missing in training
    target = np.nan_to_num(table[:, 0]) * 2 + np.nan_to_num(table[:, 1]) ** 2 + table[:, 5]
    data = lightgbm.Dataset(table, target)
    options = {"num_leaves": 15, "num_threads": 1, "verbose": -1, "seed": 1}
    return str(lightgbm.train(options, data, 20).model_to_string())


def table(rows: int) -> np.ndarray:
    generator = np.random.default_rng(2)
    made = generator.normal(size=(rows, FEATURES)) * 3
    made[generator.random(made.shape) < 0.2] = np.nan
    made[generator.random(made.shape) < 0.1] = 0
    return made


@pytest.mark.parametrize("rows", [0, 1, 100, 5000])
def test_it_predicts_what_lightgbm_predicts(trees: str, tmp_path: Path, rows: int) -> None:
    ours = compile_trees(trees, tmp_path / "code").predict(table(rows))
    peer = np.zeros(0)
    if rows:
        peer = np.asarray(lightgbm.Booster(model_str=trees).predict(table(rows)))

    assert ours.shape == (rows,)
    assert np.allclose(ours, peer, rtol=0, atol=1e-9)


def test_what_was_compiled_is_loaded_and_not_compiled_again(
    trees: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "code"
    first = compile_trees(trees, folder).predict(table(50))

    def never(*_: object) -> None:
        raise AssertionError("it compiles")

    monkeypatch.setattr("lleaves.compiler.compile_to_module", never)

    assert np.array_equal(load_trees(trees, folder).predict(table(50)), first)
    assert np.array_equal(compile_trees(trees, folder).predict(table(50)), first)
    with pytest.raises(NotCompiledError):
        load_trees(trees + "\n", folder)


def test_damaged_code_is_not_run_but_made_anew(trees: str, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    compile_trees(trees, folder)
    [code] = folder.glob("*/code.o")
    code.write_bytes(code.read_bytes()[:-100])

    with pytest.raises(NotCompiledError, match="damaged"):
        load_trees(trees, folder)
    compile_trees(trees, folder)
    assert load_trees(trees, folder).predict(table(3)).shape == (3,)
    assert [path.name for path in folder.iterdir()] == [code.parent.name]


def test_code_that_others_could_have_written_is_refused(trees: str, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    compile_trees(trees, folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)

    with pytest.raises(NotCompiledError, match="chmod 700"):
        load_trees(trees, folder)
    with pytest.raises(NotCompiledError, match="chmod 700"):
        compile_trees(trees, folder)


def test_code_of_another_processor_is_left_alone(
    trees: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streams.virality.models import compiled

    compile_trees(trees, tmp_path / "code")
    monkeypatch.setattr(compiled, "_here", lambda: "another machine")

    with pytest.raises(NotCompiledError, match="is not there"):
        load_trees(trees, tmp_path / "code")
