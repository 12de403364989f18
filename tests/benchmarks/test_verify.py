"""``prefgames verify`` and ``prefgames claims``: what they print, how wide, their exit codes."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from results.store import TABLE
from tests.command import call
from tests.compare_runs import GOLDEN


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with the rows of quick that are about one game."""
    folder = tmp_path_factory.mktemp("quick")
    rows = pd.read_parquet(GOLDEN)
    rows = rows[(rows["game"] == "condorcet") & (rows["experiment"] != "data_sensitivity")]
    rows.assign(run="quick", message="").to_parquet(folder / TABLE, index=False)
    return folder


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("COLUMNS", "80")
    return monkeypatch


def test_claims_are_verified_on_a_run(
    narrow: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: Path
) -> None:
    code, out, err = call(narrow, capsys, "verify", run)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    measured, missing = out.split("Not measured in these runs")
    for text in ("slhf-closed-form", "B 0.3543", "n = 2 exact", "holds", "fails"):
        assert text in measured
    assert "no run here trains" in " ".join(missing.split())
    assert "slhf-closed-form" not in missing
    assert "none unexpected" in err


def test_a_surprise_is_exit_code_1(
    narrow: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    rows = pd.read_parquet(copy / TABLE)
    wrong = (rows["metric"] == "self_agreement") & (rows["solver"] == "slhf_exact")
    rows.loc[wrong, "value"] = 0.5
    rows.to_parquet(copy / TABLE, index=False)
    code, out, err = call(narrow, capsys, "verify", copy)
    assert code == 1
    assert "SLHF 0.5" in out
    assert "unexpected: slhf-deterministic fails (expected: holds)" in err


def test_the_claims_of_a_paper_are_listed(
    narrow: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(narrow, capsys, "claims", "2312.00886")
    assert code == 0
    assert "nlhf-dice" in out
    assert "slhf-exists" not in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, err = call(narrow, capsys, "claims", "1706.03762")
    assert (code, out) == (2, "")
    assert "no claim of '1706.03762'; expected one of: 2512.16626, " in err


def test_a_path_that_is_no_run_is_one_line(
    narrow: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = call(narrow, capsys, "verify", tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert "no such run directory" in err
    assert err.count("\n") == 1
