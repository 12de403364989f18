"""The commands that answer at once: solve, ls, doctor."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import solve
from games import GAMES, PreferenceGame, SolverError
from solvers import SOLVERS
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


BROKEN = '''
from dataclasses import dataclass

import numpy as np

from solvers import Certificate, Solution, Solver


@dataclass(frozen=True)
class Broken(Solver):
    """Raises if tau is 0, and answers NaN otherwise."""

    concept = "other"
    paper = "unpublished"
    tau: float = 0.0

    def solve(self, game, rng=None):
        if self.tau == 0:
            return np.zeros(3).reshape(5)
        nothing = np.full(game.batch, np.nan)
        return Solution(np.nan * game.log_ref, Certificate("none", nothing, 0.0))
'''


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"broken\.py: ValueError: cannot reshape .* \(broken\.py, line 19\)"),
        (["--tau", "1"], r"broken\.py: the policy is NaN in 1 of 1 contexts"),
        (["--tau", "1", "--json"], r"broken\.py: the policy is NaN in 1 of 1 contexts"),
    ],
)
def test_a_broken_solver_is_one_line_and_exit_code_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text(BROKEN, encoding="utf-8")
    order = ["solve", "condorcet", "--solver", "broken.py", *arguments]
    code, out, err = call(monkeypatch, capsys, *order)
    SOLVERS.added.pop("broken", None)
    assert (code, out) == (1, "")
    assert re.match(f"prefgames: {message}", err)
    assert err.count("\n") == 1


def test_solve_takes_names_as_printed_and_files_of_games(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def policy(*arguments: str | Path) -> list[float]:
        code, out, err = call(monkeypatch, capsys, "solve", *arguments, "--json")
        assert (code, err) == (0, "")
        return list(json.loads(out)["policy"])

    printed = policy("three_types(epsilon=-0.1)", "--solver", "nlhf_exact(tau=0.3)")
    given = policy("three_types", "-g", "epsilon=-0.1", "-p", "tau=0.3")
    assert printed == given
    assert policy("three_types(epsilon=-0.1)", "--solver", "NLHF", "--tau", "0.3") == given
    path = tmp_path / "my_coin.py"
    path.write_text(
        "from games import PreferenceGame\n\n\ndef my_coin(p: float = 0.7):\n"
        "    return PreferenceGame([[0.5, p], [1 - p, 0.5]])\n"
    )
    assert policy(path, "--tau", "0") == [1, 0]
    assert policy(path, "--tau", "0", "-g", "p=0.2") == [0, 1]
    GAMES.added.pop("my_coin", None)


def test_long_answers_are_one_short_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["Yes.\n\n| a | b |", f"{'word ' * 400}one", f"{'word ' * 400}two"]
    game = PreferenceGame([[0.5, 0.6, 0.6], [0.4, 0.5, 0.6], [0.4, 0.4, 0.5]], names=names)
    monkeypatch.setitem(GAMES.added, "wordy", lambda: game)
    out = call(monkeypatch, capsys, "solve", "wordy", "--solver", "slhf_exact")[1]
    lines = out.splitlines()
    assert len(lines) == 4 + 1 + 4 + 1 + 2
    assert lines[1].startswith("Yes. | a | b |  ")
    assert lines[2].split("…")[1].split()[0] == "(2)"
    assert max(map(len, lines)) < 140


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("games", r"^condorcet +alpha=\(0\.4, 0\.35, 0\.25\) "),
        ("solvers", r"^slhf_exact +slhf +tau_leader=0\.1, tau_follower=0\.1 +Pasztor"),
        ("experiments", r"^consistency +tabular +copies=2"),
        ("specs", r"^quick +\d+ +Seconds: .* at equal temperature\.$"),
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


def test_prompts_stand_for_contexts_in_tables_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('prompt,chosen,rejected\n"Is\nwater wet?",Yes,No\nIs fire cold?,No,Yes\n')
    out = call(monkeypatch, capsys, "solve", path, "--tau", "0")[1]
    assert [line[:20].split("  ")[0] for line in out.splitlines()[:3]] == [
        *("prompt", "Is water wet?", "Is fire cold?")
    ]
    answer = json.loads(call(monkeypatch, capsys, "solve", path, "--json")[1])
    assert answer["prompts"] == ["Is\nwater wet?", "Is fire cold?"]


def test_options_of_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("prompt,chosen,rejected\np,A,B\nq,B,C\n")
    answer = json.loads(call(monkeypatch, capsys, "solve", path, "--json", "--by-prompt")[1])
    assert len(answer["policy"]) == 2
    code, _, err = call(monkeypatch, capsys, "solve", path, "--max-rows", "1")
    assert (code, "more than 1 rows" in err) == (2, True)
    code, _, err = call(monkeypatch, capsys, "solve", "condorcet", "--by-prompt")
    assert (code, "--by-prompt belongs to a file" in err) == (2, True)


def test_convert_prints_where_it_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "votes.csv", tmp_path / "votes.jsonl"
    path.write_text("left,right,winner\nA,B,left\n")
    assert call(monkeypatch, capsys, "convert", path, out) == (0, f"{out}\n", "")
    assert json.loads(out.read_text()) == {"chosen": "A", "rejected": "B"}
    code, _, err = call(monkeypatch, capsys, "convert", path, tmp_path / "out.xlsx")
    assert (code, "files that end in .csv" in err) == (2, True)
