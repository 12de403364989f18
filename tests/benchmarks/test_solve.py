"""The commands that answer at once: solve, ls, doctor."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import solve
from games import GAMES, PreferenceGame, SolverError
from solvers.rlhf_exact import RlhfExact
from tests.command import call


def test_solve_prints_the_published_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ["solve", "condorcet", "--solver", "slhf_exact", "--tau", "0.1"]
    code, out, err = call(monkeypatch, capsys, *order)
    assert (code, err) == (0, "")
    policy = [float(line.split()[2]) for line in out.splitlines()[1:4]]
    assert policy == pytest.approx([0.5002, 0.3543, 0.1455], abs=5e-5)
    assert re.search(r"^duality gap  0\.0772$", out, re.M)
    assert re.search(r"^certificate  .*: residual \S+, allowed 1e-11$", out, re.M)
    answer = json.loads(call(monkeypatch, capsys, *order, "--json")[1])
    assert answer["names"] == ["A", "B", "C"]
    assert answer["concept"] == "slhf"
    assert answer["policy"] == pytest.approx([0.5002, 0.3543, 0.1455], abs=5e-5)
    assert [sum(row) for row in answer["follower"]] == pytest.approx([1, 1, 1])
    assert answer["certificate"]["residual"] <= answer["certificate"]["tolerance"]
    assert answer["status"] == "ok"


def test_solve_sets_parameters_of_the_solver_and_of_the_game(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def policy(*arguments: str) -> list[float]:
        out = call(monkeypatch, capsys, "solve", "condorcet", "--json", *arguments)[1]
        return list(json.loads(out)["policy"])

    assert policy("--tau", "0") == pytest.approx([0.5, 0.2, 0.3])
    assert policy("-p", "tau=0") == policy("--tau", "0")
    assert policy("--tau", "0", "-g", "alpha=[0.45, 0.3, 0.25]") == pytest.approx([0.5, 0.1, 0.4])
    fast, slow = (["--solver", "slhf_exact", "-p", f"tau_leader={tau}"] for tau in ("0.1", "10"))
    assert max(policy(*fast)) > max(policy(*slow))
    assert policy("-p", "kl=0.05") != policy()


def test_solve_says_why_an_answer_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sure = PreferenceGame([[0.5, 1], [0, 0.5]])
    monkeypatch.setitem(GAMES.added, "sure", lambda: sure)
    other = PreferenceGame([[0.5, 0.6], [0.4, 0.5]])
    monkeypatch.setitem(GAMES.added, "sure_and_other", lambda: PreferenceGame.stack([sure, other]))
    with pytest.raises(SolverError, match="the Bradley-Terry maximum is infinite"):
        solve.require_answer(RlhfExact().solve(sure))
    arguments = ["solve", "sure_and_other", "--solver", "rlhf_exact"]
    lines = call(monkeypatch, capsys, *arguments)[1].splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["0", "-"], ["1", "0"]]
    assert "allowed 1e-10" in lines[3]
    assert "DOES NOT HOLD" not in lines[3]
    assert lines[4].startswith("context 0: RlhfExact: the Bradley-Terry maximum is infinite")
    answer = json.loads(call(monkeypatch, capsys, *arguments, "--json")[1])
    assert answer["status"] == ["undefined", "ok"]
    assert answer["policy"][0] == [None, None]
    assert sum(answer["policy"][1]) == pytest.approx(1)
    assert answer["message"][1] == ""


def test_solve_reads_a_file_and_shows_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(",a,b\na,,3\nb,1,\n", encoding="utf-8")
    out = call(monkeypatch, capsys, "solve", path, "--tau", "0")[1]
    assert [line.split()[:3] for line in out.splitlines()[1:3]] == [
        ["a", "0.5", "1"],
        ["b", "0.5", "0"],
    ]
    out = call(monkeypatch, capsys, "solve", "contextual", "-g", "contexts=21", "--seed", "4")[1]
    assert [line.split()[0] for line in out.splitlines()[1:21]] == [str(k) for k in range(20)]
    assert "... and 1 more contexts; --json gives all" in out
    again = call(monkeypatch, capsys, "solve", "contextual", "-g", "contexts=21", "--seed", "5")[1]
    assert out != again


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("games", r"^condorcet +alpha=\(0\.4, 0\.35, 0\.25\) "),
        ("solvers", r"^slhf_exact +slhf +tau_leader=0\.1, tau_follower=0\.1 +Pasztor"),
        ("experiments", r"^consistency +tabular +copies=2"),
        ("specs", r"^quick +\d+ +Seconds"),
    ],
)
def test_ls_lists_plugins_and_specs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, line: str
) -> None:
    code, out, err = call(monkeypatch, capsys, "ls", kind)
    assert (code, err) == (0, "")
    assert re.search(line, out, re.M)
    assert " at 0x" not in out


def test_doctor_tells_versions_and_devices_and_no_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(monkeypatch, capsys, "doctor")
    assert code == 0
    for what in ("python", "prefgames", "numpy", "sources", "device"):
        assert re.search(rf"^{what} +\S", out, re.M)
    assert str(Path.cwd()) not in out
