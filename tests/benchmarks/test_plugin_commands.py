"""Plugins from outside: what `check`, `new`, `ls` and `solve` do with them."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.conformance import estimator as estimator_contract
from benchmarks.conformance import game as game_contract
from benchmarks.conformance import solver as solver_contract
from games.plugin_files import load_module
from solvers import ALIASES
from tests.command import call
from tests.outside import ROOT, SPEC, plugin_file, prefgames


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("solver", "my_method"),
        ("game", "my_weak_cycle"),
        ("experiment", "my_question"),
    ],
)
def test_what_new_writes_passes_check_and_is_never_overwritten(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(monkeypatch, capsys, "new", kind, name)
    assert (code, out) == (0, f"{name}.py\n")
    text = Path(out.strip()).read_text(encoding="utf-8")
    assert "my_solver" not in text.lower()
    assert "MySolver" not in text
    assert f"prefgames check {name}.py" in text
    code, out, _ = call(monkeypatch, capsys, "check", f"{name}.py")
    assert code == 0, out
    assert re.search(r"^pass  (target +after \d+ steps|known +1 known|rows +\d+ rows)", out, re.M)
    assert " 0 failed" in out.splitlines()[-1]
    Path(f"{name}.py").write_text("mine", encoding="utf-8")
    code, _, err = call(monkeypatch, capsys, "new", kind, name)
    assert (code, Path(f"{name}.py").read_text(encoding="utf-8")) == (2, "mine")
    assert "exists and is left as it is" in err


def test_what_new_writes_can_be_run(tmp_path: Path) -> None:
    assert prefgames("new", "solver", "my_method", cwd=tmp_path).returncode == 0
    (tmp_path / "small.toml").write_text(SPEC)
    order = ["run", "small.toml", "--solver", "my_method.py"]
    done = prefgames(*order, "-p", "tau=0.3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "my_method" in done.stdout
    solved = prefgames("solve", "condorcet", "--solver", "my_method.py", cwd=tmp_path)
    assert solved.returncode == 0, solved.stderr


def test_check_fails_with_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "benchmarks/templates/my_solver.py").read_text(encoding="utf-8")
    path = plugin_file(
        tmp_path, text.replace("rates / self.tau", "-rates / self.tau"), "my_solver.py"
    )
    code, out, err = call(monkeypatch, capsys, "check", path)
    assert (code, err) == (1, "")
    assert re.search(r"^FAIL  target +after \d+ steps the distances to the target are", out, re.M)
    assert out.splitlines()[-1] == "10 passed, 1 failed, 0 do not apply"


def test_an_estimator_is_checked_by_kind_or_file_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = call(monkeypatch, capsys, "new", "estimator", "mine")[1].strip()
    for order in (["check", "bradley_terry", "--kind", "estimator"], ["check", path]):
        code, out, err = call(monkeypatch, capsys, *order)
        assert (code, err) == (0, "")
        assert re.search(r"^pass  held_out", out, re.M)
    text = Path(path).read_text(encoding="utf-8")
    Path(path).write_text(text.replace("(1 - self.weight) *", "(0 - self.weight) *"))
    code, out, _ = call(monkeypatch, capsys, "check", path)
    assert code == 1
    assert "FAIL" in out
    assert re.search(r"^general +dim=2, ", call(monkeypatch, capsys, "ls", "estimators")[1], re.M)


@pytest.mark.parametrize("name", ["nlhf_exact", "condorcet", "dno", "mixture"])
def test_check_takes_names_of_solvers_games_and_aliases(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, out, err = call(monkeypatch, capsys, "check", name)
    assert (code, err) == (0, "")
    assert "FAIL" not in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["check", "nlhf_exac"],
            r"no plugin named 'nlhf_exac' and not a \.py .*nlhf_exact",
        ),
        (["check", "nowhere.py"], r"nowhere\.py: no such file"),
        (
            ["check", "empty.py"],
            r"holds no class Empty \(a solver\), no function empty \(a game\), no .* EmptyJudge",
        ),
        (["new", "solver", "nash_md"], r"a solver named 'nash_md' already"),
        (["new", "solver", "dno"], r"a solver named 'dno' already"),
        (["new", "game", "condorcet"], r"a game named 'condorcet' already"),
        (["new", "solver", "My-Method"], r"expected the form my_method"),
        (["new", "solver", "numpy"], r"'numpy' is the name of an installed module"),
        (["new", "solver", "class"], r"expected the form my_method"),
        (["new", "jury", "x"], r"'jury' is not one of"),
        (
            ["run", "quick", "--solver", "dno"],
            r"run under that name: --solver self_play_mwu -p eta",
        ),
        (["run", "quick", "--solver", "nowhere.py"], r"nowhere\.py: no such file"),
        (["solve", "condorcet", "--solver", "mmd", "--tau", "1"], r"mmd: 'tau' of online_ipo_1 is"),
        (["solve", "condorcet", "--solver", "mmd", "-p", "eta=0"], r"expected a number > 0"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.py").touch()
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.search(expected, err)
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty.py"]


def test_aliases_are_listed_and_solved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = call(monkeypatch, capsys, "ls", "solvers")[1]
    for name, alias in ALIASES.items():
        assert re.search(rf"^{name} .*-> {alias.solver}: .*{re.escape(alias.paper)}", listed, re.M)
    order = ["solve", "condorcet", "--json", "--solver"]
    out = call(monkeypatch, capsys, *order, "mmd", "-p", "alpha=0.2", "-p", "eta=0.5")[1]
    mapped = ["-p", "tau=0.2", "-p", f"eta={0.5 / 1.1!r}"]
    direct = call(monkeypatch, capsys, *order, "online_ipo_1", *mapped)[1]
    assert json.loads(out)["policy"] == json.loads(direct)["policy"]


def test_templates_of_learners_and_judges_keep_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the extra llm is not installed")
    monkeypatch.chdir(tmp_path)
    for kind, law, right, wrong in (
        ("learner", "gradient", "-pi * (gain", "pi * (gain"),
        ("judge", "complement", "np.subtract(ours", "np.add(ours"),
    ):
        path = Path(call(monkeypatch, capsys, "new", kind, "mine")[1].strip())
        code, out, _ = call(monkeypatch, capsys, "check", path)
        assert code == 0, out
        assert re.search(rf"^pass  {law}", out, re.M)
        text = path.read_text(encoding="utf-8")
        assert right in text
        path.write_text(text.replace(right, wrong), encoding="utf-8")
        code, out, _ = call(monkeypatch, capsys, "check", path)
        assert code == 1
        assert re.search(rf"^FAIL  {law}", out, re.M)
        path.unlink()


def test_templates_keep_the_contract() -> None:
    folder = ROOT / "benchmarks/templates"
    solver = load_module(folder / "my_solver.py").MySolver
    game = load_module(folder / "my_game.py").my_game
    estimator = load_module(folder / "my_estimator.py").MyEstimator
    outcomes = solver_contract.run(solver, "my_solver") + game_contract.run(game, "my_game")
    outcomes += estimator_contract.run(estimator, "my_estimator")
    assert not [outcome for outcome in outcomes if outcome.passed is False]
