"""Cells, their random numbers, and what becomes of them in workers."""

import json
import math
import re
import shutil
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from benchmarks import environment, runner
from benchmarks.choices import Choice
from benchmarks.matrix import Cell, cells, generator
from benchmarks.plan import Plan, Question
from games import GAMES, PreferenceGame, SpecError
from games.io.files import load as load_game
from results import Row, RunError, load
from results.store import Store, records
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS
from tests.programs.fake_prefgames import Fake, drawn

NLHF = Choice("solver", "nlhf_exact", {"tau": 0.1})
SLHF = Choice("solver", "slhf_exact", {"tau_leader": 0.1, "tau_follower": 0.1})


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPERIMENTS.added, "fake", Fake)
    monkeypatch.setitem(GAMES.added, "drawn", drawn)


def plan_of(*experiments: Choice, games: tuple[str, ...] = ("condorcet",), seeds: int = 2) -> Plan:
    return Plan(
        "test",
        range(seeds),
        60.0,
        (*(Choice("game", name) for name in games), NLHF, SLHF),
        tuple(map(Question, experiments)),
    )


def fake(do: str, **more: int) -> Choice:
    return Choice("experiment", "fake", {"do": do, **more})


def answers(run_dir: Path) -> pd.DataFrame:
    """The table without what differs from run to run."""
    return load(run_dir).query("metric != 'seconds'")


def only(plan: Plan) -> Cell:
    return cells(replace(plan, choices=(*plan.of("game"), NLHF), seeds=range(1)))[0]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "games").mkdir()
    return tmp_path


def test_a_cell_has_a_seed_only_if_something_in_it_draws() -> None:
    plan = plan_of(fake("count"), fake("draw"), games=("condorcet", "drawn"))
    seeds: dict[tuple[str, str], list[int | None]] = {}
    for cell in cells(plan):
        seeds.setdefault((cell.game, json.loads(cell.experiment_params)["do"]), []).append(
            cell.seed
        )
    assert seeds == {
        ("condorcet", "count"): [None, None],
        ("condorcet", "draw"): [0, 0, 1, 1],
        ("drawn", "count"): [0, 0, 1, 1],
        ("drawn", "draw"): [0, 0, 1, 1],
    }


def test_a_solver_that_draws_has_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Drawing(Solver):
        draws: ClassVar[bool] = True

    monkeypatch.setitem(SOLVERS.added, "drawing", Drawing)
    condorcet = Choice("game", "condorcet")
    plan = replace(plan_of(fake("count")), choices=(condorcet, NLHF, Choice("solver", "drawing")))
    assert [(cell.solver, cell.seed) for cell in cells(plan)] == [
        ("nlhf_exact", None),
        ("drawing", 0),
        ("drawing", 1),
    ]


def test_the_key_is_that_of_the_content() -> None:
    matrix = cells(plan_of(fake("draw"), fake("count"), games=("condorcet", "dice")))
    assert len({cell.key for cell in matrix}) == len(matrix)
    assert matrix[0].key == replace(matrix[0]).key
    assert (
        cells(plan_of(fake("count")))[0].key == cells(plan_of(fake("draw"), fake("count")))[0].key
    )
    exact = Cell(
        "consistency", "{}", "tabular", "condorcet", "{}", "nlhf_exact", '{"tau":0.1}', None
    )
    text = (
        '{"experiment":"consistency","experiment_params":"{}","game":"condorcet","game_params":"{}",'
        '"params":"{\\"tau\\":0.1}","scale":"tabular","seed":null,"solver":"nlhf_exact"}'
    )
    assert exact.key == sha256(text.encode()).hexdigest()[:16]


def test_an_empty_matrix_is_refused() -> None:
    plan = plan_of()
    nothing = replace(plan, questions=(Question(fake("count"), {"game": ("dice",)}),))
    with pytest.raises(SpecError, match="nothing to run"):
        cells(nothing)


def test_generators_are_pinned_and_differ_in_everything_they_are_keyed_by() -> None:
    draws = {
        arguments: int(generator(*arguments).integers(10**9))
        for arguments in [
            (0, "data", "condorcet", 30),
            (1, "data", "condorcet", 30),
            (0, "game", "condorcet", 30),
            (0, "data", "dice", 30),
            (0, "data", "condorcet", 300),
            (None, "data", "condorcet", 30),
        ]
    }
    assert len(set(draws.values())) == len(draws)
    entropy = int(sha256(b'{"key":["condorcet",30],"role":"data","seed":0}').hexdigest(), 16)
    again = np.random.default_rng(np.random.SeedSequence(entropy))
    assert draws[0, "data", "condorcet", 30] == again.integers(10**9)


def test_solvers_are_paired_on_the_same_game_and_data(run_dir: Path) -> None:
    drawn_values: dict[str, list[float]] = {"game": [], "data": [], "solver": []}
    for cell in cells(plan_of(fake("draw"), games=("drawn",))):
        _, rows = runner.measure(cell, run_dir)
        values = {json.loads(row.labels)["what"]: row.value for row in rows}
        for what, listed in drawn_values.items():
            listed.append(values[what])
    for what in ("game", "data"):
        first_nlhf, first_slhf, second_nlhf, second_slhf = drawn_values[what]
        assert first_nlhf == first_slhf
        assert second_nlhf == second_slhf
        assert first_nlhf != second_nlhf
    assert len(set(drawn_values["solver"])) == 4


def test_an_experiment_that_hides_its_draws_is_an_error(
    run_dir: Path,
) -> None:
    cell = replace(only(plan_of(fake("draw"))), seed=None)
    _, rows = runner.measure(cell, run_dir)
    assert rows[-1].status == "error"
    assert "fake draws 'data' but its `draws` is False" in rows[-1].message


def test_rows_say_where_they_come_from(run_dir: Path) -> None:
    cell = only(plan_of(fake("count", repeat=2)))
    digest, rows = runner.measure(cell, run_dir)
    game = load_game(run_dir / "games" / f"{digest}.npz")
    assert game.digest.startswith(digest)
    assert rows[1] == Row(
        run=run_dir.name,
        cell=cell.key,
        experiment="fake",
        scale="tabular",
        game="condorcet",
        game_params="{}",
        solver="nlhf_exact",
        concept="nlhf",
        params='{"tau":0.1}',
        seed=None,
        context=None,
        step=None,
        metric="residual",
        labels='{"do":"count","repeat":3}',
        value=3e-12,
    )
    assert rows[0].labels == '{"do":"count","repeat":2,"what":"game"}'
    assert rows[0].value == game.P[0, 1]


@pytest.mark.parametrize(
    ("do", "statuses", "message"),
    [
        ("divide", ["ok", "error"], r"ZeroDivisionError: .*zero \(fake_prefgames\.py, line \d+\)"),
        ("undefined", ["ok", "undefined"], r"fake: no maximum"),
        ("nothing", ["skipped"], r"the experiment measured nothing"),
    ],
)
def test_what_goes_wrong_is_a_row_after_what_went_well(
    run_dir: Path, do: str, statuses: list[str], message: str
) -> None:
    _, rows = runner.measure(only(plan_of(fake(do))), run_dir)
    assert [row.status for row in rows] == statuses
    assert (rows[-1].metric, math.isnan(rows[-1].value)) == ("", True)
    assert re.fullmatch(message, rows[-1].message)


def test_a_game_that_cannot_be_made_is_a_row(run_dir: Path) -> None:
    cell = replace(only(plan_of(fake("count"))), game_params='{"alpha":[2,0,0]}')
    digest, rows = runner.measure(cell, run_dir)
    assert (digest, [row.status for row in rows]) == ("", ["error"])
    assert rows[0].message.startswith("GameError: condorcet")


def test_what_plugins_print_is_no_data(run_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runner.measure(only(plan_of(fake("print"))), run_dir)
    assert capfd.readouterr() == ("", "a solver that talks\n")


def test_workers_give_the_table_of_this_process(tmp_path: Path) -> None:
    plan = plan_of(Choice("experiment", "consistency"), games=("condorcet", "dice"))
    done = runner.run(plan, tmp_path, jobs=2)
    assert (done.cells, done.computed, done.failed, done.interrupted) == (4, 4, 0, False)
    assert done.run_dir == tmp_path / plan.run_name
    assert done.worst_residual is not None
    assert 0 < done.worst_residual < 1e-10
    with Store(tmp_path / "here" / plan.run_name) as store:
        for index, cell in enumerate(cells(plan)):
            store.append(index, *runner.measure(cell, store.run_dir))
    table, expected = answers(done.run_dir), answers(store.run_dir)
    assert len(table) > 50
    assert_frame_equal(table, expected)
    for record in records(done.run_dir):
        game = load_game(done.run_dir / "games" / f"{record.game}.npz")
        assert game.digest.startswith(record.game)
    assert len(list((done.run_dir / "games").glob("*.npz"))) == 2
    spec = json.loads((done.run_dir / "spec.json").read_text(encoding="utf-8"))
    assert [game["name"] for game in spec["games"]] == ["condorcet", "dice"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    """A small run, computed once; tests that change it work on a copy."""
    plan = plan_of(Choice("experiment", "refinement", {"n_answers": 1}))
    return plan, runner.run(plan, tmp_path_factory.mktemp("runs"), jobs=1).run_dir


def test_a_complete_run_is_not_computed_again(finished: tuple[Plan, Path]) -> None:
    plan, run_dir = finished
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*.*")}
    done = runner.run(plan, run_dir.parent, jobs=1)
    assert (done.cells, done.computed, len(done.records)) == (2, 0, 2)
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*.*")} == before


def test_other_code_resumes_only_if_asked(finished: tuple[Plan, Path], tmp_path: Path) -> None:
    plan, complete = finished
    run_dir = tmp_path / plan.run_name
    shutil.copytree(complete, run_dir)
    notes = run_dir / "environment.json"
    stored = json.loads(notes.read_text(encoding="utf-8"))
    stored["code"]["sources"] = "0" * 16
    notes.write_text(json.dumps(stored), encoding="utf-8")
    assert runner.run(plan, tmp_path, jobs=1).computed == 0  # nothing to compute: nothing to refuse
    segment = run_dir / "rows" / "0001.jsonl"
    segment.write_bytes(segment.read_bytes()[:-9])
    with pytest.raises(RunError, match=r"other code \(sources 0000.*--allow-other-code"):
        runner.run(plan, tmp_path, jobs=1)
    assert runner.run(plan, tmp_path, jobs=1, allow_other_code=True).computed == 1
    after = json.loads(notes.read_text(encoding="utf-8"))
    assert after["code"]["sources"] == "0" * 16
    assert len(after["resumed"]) == 1
    assert_frame_equal(answers(run_dir), answers(complete))


def test_a_users_game_needs_its_file_only_once(tmp_path: Path) -> None:
    game = PreferenceGame([[0.5, 0.7], [0.3, 0.5]], names=("left", "right"))
    plan = plan_of(Choice("experiment", "refinement", {"n_answers": 1}), games=())
    plan = plan.with_data("mine", game.digest[:16])
    done = runner.run(plan, tmp_path, jobs=1, data=[game])
    assert [record.game for record in done.records] == [game.digest[:16]] * 2
    assert load_game(done.run_dir / "games" / f"{game.digest[:16]}.npz") == game
    frame = load(done.run_dir)
    assert set(frame["game"]) == {"mine"}
    assert set(frame["game_params"]) == {f'{{"data":"{game.digest[:16]}"}}'}
    assert set(frame["status"]) <= {"ok", "skipped"}


def test_the_version_of_the_code_is_that_of_the_sources_that_make_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {path.parent.relative_to(environment._ROOT) for path in environment.sources()}
    assert {folder.parts[0] for folder in folders} == set(environment._LAYERS)
    assert {Path("games/io"), Path("solvers/exact"), Path("llm/tasks")} <= folders
    inside = [p for layer in environment._LAYERS for p in (environment._ROOT / layer).rglob("*.*")]
    suffixes = {path.suffix for path in inside if path.is_file()}
    assert suffixes <= environment._DATA | {".toml", ".typed", ".pyc"}  # other data would escape
    ignored = ["results", "benchmarks/perf", "benchmarks/templates", "benchmarks/conformance"]
    for folder in (*map(str, folders), *ignored):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "made.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "games/catalogue/votes.csv").write_text("1,2\n", encoding="utf-8")
    monkeypatch.setattr(environment, "_ROOT", tmp_path)
    before = environment.code()
    assert (before["commit"], before["modified"]) == (None, None)
    for path in sorted(tmp_path.rglob("*.*")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("1", "2"), encoding="utf-8")
        same = environment.code() == before
        assert same == (str(path.parent.relative_to(tmp_path)) in ignored), path
        path.write_text(text, encoding="utf-8")
    (tmp_path / "games/made.py").rename(tmp_path / "games/named_otherwise.py")
    assert environment.code() != before
