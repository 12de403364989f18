"""Published runs: the same rows, less space, and refusals that leave what was there."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from benchmarks import publish as module
from benchmarks import runner, spec
from benchmarks.publish import publish
from results import RunError, load, report

SMALL = """
name = "small"
seeds = 1
games = [{ name = "condorcet" }]
solvers = [{ name = "nlhf_exact", tau = 0.1 }]
experiments = [{ name = "consistency", most_cloned = 0 }]
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("specs") / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = runner.run(spec.read(source), tmp_path_factory.mktemp("runs"), jobs=1).run_dir
    report.write(run_dir)
    return run_dir


@pytest.fixture(autouse=True)
def made_by_a_commit(finished: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "builtin", lambda: {"small": source})
    edit(finished, lambda made_by: made_by["code"].update(modified=False))


def edit(run_dir: Path, change: object, name: str = "environment.json") -> None:
    path = run_dir / name
    made_by = json.loads(path.read_text(encoding="utf-8"))
    change(made_by)  # type: ignore[operator]
    path.write_text(json.dumps(made_by), encoding="utf-8")


def test_a_published_run_holds_the_same_rows_and_its_spec(
    finished: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE", 500)
    target, left_out = publish(finished, tmp_path)
    assert (target, left_out) == (tmp_path / "small", [])
    assert_frame_equal(load(target), load(finished), rtol=5e-10, atol=0)
    assert (target / "spec.toml").read_text() == source.read_text()
    assert {path.name for path in (target / "games").iterdir()} >= {
        path.name for path in (finished / "games").iterdir()
    }
    tables = {path.name.removesuffix(".gz"): path for path in (target / "tables").iterdir()}
    assert {path.suffix for path in tables.values()} >= {".gz"}
    for path in (finished / "tables").glob("*.csv"):
        assert (path.name in tables) != path.name.startswith("cells_of_")
        if path.name in tables:
            assert_frame_equal(pd.read_csv(tables[path.name]), pd.read_csv(path))
    first = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert publish(finished, tmp_path)[0] == target
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_what_there_is_no_room_for_is_left_out(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def room(*names: str) -> int:
        paths = [target / name for name in names]
        files = [f for p in paths for f in (p.rglob("*") if p.is_dir() else [p]) if f.is_file()]
        return sum(path.stat().st_size for path in files)

    target, _ = publish(finished, tmp_path)
    first = ("spec.toml", "spec.json", "environment.json", "tables")
    for most, expected in (
        (room(*first, "table.parquet", "games", "report.html"), []),
        (room(*first, "table.parquet", "games"), ["report.html"]),
        (room(*first), ["table.parquet", "games", "report.html"]),
    ):
        monkeypatch.setattr(module, "MOST_BYTES", most)
        assert publish(finished, tmp_path) == (target, expected)
        assert not any((target / name).exists() for name in expected)
        monkeypatch.setattr(module, "MOST_BYTES", 10**9)
        publish(finished, tmp_path)


def test_values_keep_nine_digits() -> None:
    values = np.array([1 / 3, -2e5 / 7, 0.0, np.nan, np.inf, 1e-300, 5.0])
    rounded = module._rounded(values)
    np.testing.assert_allclose(rounded, values, rtol=5e-10)
    assert rounded[0] != values[0]
    assert rounded[-1] == 5


def test_what_is_not_whole_and_by_one_commit_is_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(finished, lambda plan: plan.update(timeout=5000.0), "spec.json")  # a slow machine
    kept = publish(finished, tmp_path)[0] / "spec.toml"
    edit(finished, lambda made_by: made_by["code"].update(modified=True))
    with pytest.raises(RunError, match="by one commit"):
        publish(finished, tmp_path)
    edit(finished, lambda made_by: made_by["code"].update(modified=False))
    edit(finished, lambda made_by: made_by.update(resumed=[made_by["code"]]))
    with pytest.raises(RunError, match="by one commit"):
        publish(finished, tmp_path)
    edit(finished, lambda made_by: made_by.pop("resumed"))
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(RunError, match="no room for the tables"):
        publish(finished, tmp_path)
    edit(finished, lambda plan: plan.update(seeds=[5]), "spec.json")
    with pytest.raises(RunError, match="not the whole built-in spec 'small'"):
        publish(finished, tmp_path)
    edit(finished, lambda plan: plan.update(seeds=[0]), "spec.json")
    monkeypatch.setattr(spec, "builtin", dict)
    with pytest.raises(RunError, match="not the whole built-in spec 'small'"):
        publish(finished, tmp_path)
    with pytest.raises(RunError, match="not complete"):
        publish(tmp_path, tmp_path)
    assert kept.is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
