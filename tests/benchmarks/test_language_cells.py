"""Learners and experiments of scale "llm" in the matrix; nothing is trained here."""

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="language models need the extra llm")

import llm
from benchmarks import files, runner
from benchmarks.choices import Choice
from benchmarks.kinds import KINDS
from benchmarks.listing import table
from benchmarks.matrix import Cell, cells
from benchmarks.methods import METHODS
from benchmarks.plan import Plan
from benchmarks.spec import read
from games import PreferenceGame, PrefgamesError, SpecError
from games.registry import Broken, Registry
from llm.judges import JUDGES
from results import Row
from tabular import Experiment, Measurement
from tabular.experiment import RngFor
from tabular.matching import FRONTIER
from tests.command import call

SPEC = """
name = "both"
seeds = 2

[[games]]
name = ["condorcet", "random"]

[[solvers]]
name = "nlhf_exact"

[[learners]]
name = "nash_md_pg"
steps = 5
grid = { tau = [0.1, 0.2] }

[[learners]]
name = "stackelberg_gda"
tau = 0.1

[[experiments]]
name = "consistency"

[[experiments]]
name = "consistency"
scale = "llm"
games = ["condorcet"]

[[experiments]]
name = "consistency"
scale = "llm"
model = "my/model"
learners = ["stackelberg_gda"]
"""

LEARNER = """
from dataclasses import dataclass

from llm.learners.nash_md_pg import NashMdPg


@dataclass(frozen=True)
class MyLearner(NashMdPg):
    \"\"\"Mine.\"\"\"

    tau: float = 0.3
    concept = "other"
    paper = "unpublished"
"""


@dataclass(frozen=True)
class Counting(Experiment):
    """What it is given, in place of a training."""

    model: str = "tiny"

    def measure(  # type: ignore[override]  # experiments of this scale have a folder
        self, game: PreferenceGame, learner: llm.Method, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        (folder / f"{rng_for('training').integers(10**9)}").mkdir(parents=True, exist_ok=True)
        yield Measurement("entropy", rng_for("data", 3).random(), labels={"what": "data"})
        yield Measurement("entropy", rng_for("solver").random(), labels={"what": "solver"})
        yield Measurement("duality_gap", 1 / learner.config.steps)


@pytest.fixture
def both(tmp_path: Path) -> Plan:
    return plan_of(SPEC, tmp_path)


def plan_of(text: str, folder: Path) -> Plan:
    path = folder / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def without(text: str, *headings: str) -> str:
    """The spec without the first block of each heading."""
    for heading in headings:
        text = re.sub(rf"\n\[\[{heading}\]\]\n(.+\n)+", "", text, count=1)
    return text


def language(plan: Plan) -> list[Cell]:
    return [cell for cell in cells(plan) if cell.scale == "llm"]


# specs


def test_learners_stand_beside_solvers(both: Plan) -> None:
    assert both.of("learner") == [
        Choice("learner", "nash_md_pg", {"tau": 0.1, "steps": 5}),
        Choice("learner", "nash_md_pg", {"tau": 0.2, "steps": 5}),
        Choice("learner", "stackelberg_gda", {"tau_leader": 0.1, "tau_follower": 0.1}),
    ]
    assert [question.experiment.scale for question in both.questions] == ["tabular", "llm", "llm"]
    assert both.questions[2].limits == {"learner": ("stackelberg_gda",)}
    data = both.data()
    assert [learner["name"] for learner in data["learners"]] == [c.name for c in both.of("learner")]
    assert data["experiments"][2]["scale"] == "llm"
    assert data["experiments"][2]["learners"] == ("stackelberg_gda",)


def test_a_scale_crosses_games_with_its_methods(both: Plan) -> None:
    points = [(c.scale, c.game, c.solver, c.seed, "model" in c.experiment_params)
              for c in cells(both)]  # fmt: skip
    nash, slhf = "nash_md_pg", "stackelberg_gda"
    condorcet = [("llm", "condorcet", nash, False)] * 2 + [("llm", "condorcet", slhf, False)]
    expected: list[tuple[object, ...]] = [("tabular", "condorcet", "nlhf_exact", None, False)]
    for seed in (0, 1):
        expected += [(*c[:3], seed, c[3]) for c in [*condorcet, ("llm", "condorcet", slhf, True)]]
    for seed in (0, 1):
        expected += [
            ("tabular", "random", "nlhf_exact", seed, False),
            ("llm", "random", slhf, seed, True),
        ]
    assert points == expected
    assert len(points) == 13


def test_the_scale_is_part_of_the_key(both: Plan) -> None:
    one = language(both)[0]
    assert Cell(**{**vars(one), "scale": "tabular"}).key != one.key
    changed = [
        both.only("learner", ["nash_md_pg"]),
        both.with_params({"lr": 0.2}),
        both.with_model("other"),
    ]
    assert len({plan.run_name for plan in [both, *changed]}) == 4


def test_a_spec_may_have_learners_only(tmp_path: Path) -> None:
    plan = plan_of(without(SPEC, "solvers", "experiments"), tmp_path)
    assert plan.of("solver") == []
    assert {cell.scale for cell in cells(plan)} == {"llm"}
    tabular = without(SPEC, "learners", "learners").partition('scale = "llm"')[0]
    plan = plan_of(tabular.removesuffix('\n[[experiments]]\nname = "consistency"\n'), tmp_path)
    assert {cell.scale for cell in cells(plan)} == {"tabular"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda text: without(text, "solvers"),
            r'experiments\[0\]: scale "tabular" is about solvers; add \[\[solvers\]\]',
        ),
        (
            lambda text: without(text, "learners", "learners"),
            r'experiments\[1\]: scale "llm" is about learners; add \[\[learners\]\]',
        ),
        (
            lambda text: without(text, "experiments"),
            r'solvers: no experiment has scale = "tabular"; add one',
        ),
        (
            lambda text: text[: text.index('scale = "llm"')],
            r'learners: no experiment has scale = "llm"; add one',
        ),
        (
            lambda text: text.replace('learners = ["stack', 'solvers = ["stack'),
            r'experiments\[2\]\.solvers: scale "llm" is about learners',
        ),
        (
            lambda text: text.replace('learners = ["stackelberg_gda"]', 'learners = ["rloo"]'),
            r"experiments\[2\]\.learners: the spec lists no 'rloo'",
        ),
        (
            lambda text: text.replace('scale = "llm"', 'scale = "lm"', 1),
            r"experiments\[1\]: scale is 'lm': Input should be 'tabular' or 'llm'",
        ),
        (
            lambda text: text.replace("steps = 5", "stepz = 5"),
            r"learners\[0\]: nash_md_pg has no parameter 'stepz'; did you mean steps",
        ),
        (
            lambda text: text.replace("steps = 5", "steps = 0"),
            r"learners\[0\]: TrainingConfig: steps is 0, expected a number in \[1, ",
        ),
        (
            lambda text: text.replace("steps = 5", "kl = 0.1"),
            r"learners\[0\]: nash_md_pg: kl finds the tau by itself; drop tau, or kl",
        ),
        (
            lambda text: text.replace('"stackelberg_gda"\ntau = 0.1', '"sppo"\nkl = 0.1', 1),
            r"learners\[1\]: sppo has no parameter 'kl'",
        ),
        (
            lambda text: text.replace('"stackelberg_gda"\ntau', '"stackelberg"\ntau'),
            r"learners\[1\]: no learner named 'stackelberg'; did you mean stackelberg_gda",
        ),
        (
            lambda text: text.replace('"consistency"\nscale', '"convergence"\nscale', 1),
            r"experiments\[1\]: no experiment named 'convergence';.* known: consistency, data_s",
        ),
        (
            lambda text: text.replace('model = "my/model"', 'modle = "my/model"'),
            r"experiments\[2\]: consistency has no parameter 'modle'; did you mean model",
        ),
    ],
)
def test_mistakes_name_the_place_and_the_repair(
    tmp_path: Path, change: Callable[[str], str], expected: str
) -> None:
    assert change(SPEC) != SPEC
    with pytest.raises(SpecError, match=expected) as caught:
        plan_of(change(SPEC), tmp_path)
    assert "\n" not in str(caught.value)


# what the command line changes


def test_only_learners(both: Plan, tmp_path: Path) -> None:
    plan = both.only("learner", ["stackelberg_gda"])
    assert [learner.name for learner in plan.of("learner")] == ["stackelberg_gda"]
    assert plan.of("solver") == both.of("solver")
    few = plan_of(SPEC.replace('["stackelberg_gda"]', '["nash_md_pg"]'), tmp_path)
    few = plan_of(without(SPEC, "learners"), tmp_path).only("learner", ["nash_md_pg"])
    assert few.of("learner") == [Choice("learner", "nash_md_pg", {"tau": 0.1})]
    assert {cell.solver for cell in language(few) if "model" in cell.experiment_params} == {
        "nash_md_pg"  # what the user adds is used everywhere
    }
    with pytest.raises(SpecError, match="no learner named 'dop'; did you mean dpo"):
        both.only("learner", ["dop"])


def test_methods_that_no_experiment_asks_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match='quick: no experiment has scale = "llm" for learners'):
        read("quick").only("learner", ["nash_md_pg"])
    llm = plan_of(without(SPEC, "solvers", "experiments"), tmp_path)
    with pytest.raises(SpecError, match='both: no experiment has scale = "tabular" for solvers'):
        llm.only("solver", ["nlhf_exact"])


def test_parameters_are_set_where_they_exist(both: Plan) -> None:
    plan = both.with_params({"tau": 0.3})
    assert plan.methods == [
        Choice("solver", "nlhf_exact", {"tau": 0.3}),
        Choice("learner", "nash_md_pg", {"tau": 0.3, "steps": 5}),
        Choice("learner", "stackelberg_gda", {"tau_leader": 0.3, "tau_follower": 0.3}),
    ]
    plan = both.with_params({"steps": 7, "tau_leader": 0.4})
    assert plan.of("solver") == both.of("solver")
    assert [learner.params["steps"] for learner in plan.of("learner")] == [7, 7, 7]
    assert plan.methods[3].params["tau_leader"] == 0.4
    plan = both.with_params({"kl": 0.05})
    assert plan.methods == [
        Choice("solver", "nlhf_exact", {"kl": 0.05}),
        Choice("learner", "nash_md_pg", {"kl": 0.05, "steps": 5}),
        Choice("learner", "stackelberg_gda", {"kl": 0.05}),
    ]
    plan = both.with_params({"model": "gpt2", "steps": 9})
    assert [q.experiment.params.get("model") for q in plan.questions] == [None, "gpt2", "gpt2"]
    assert [learner.params["steps"] for learner in plan.of("learner")] == [9, 9, 9]
    with pytest.raises(SpecError, match="no solver or learner of this run has a parameter 'stpes'"):
        both.with_params({"stpes": 1})
    with pytest.raises(PrefgamesError, match="steps is 0"):
        both.with_params({"steps": 0})


def test_the_frontier_of_learners_is_the_distances_alone(tmp_path: Path) -> None:
    text = SPEC.replace("grid = { tau = [0.1, 0.2] }", 'grid = { kl = "frontier" }')
    assert plan_of(text, tmp_path).of("learner")[:5] == [
        Choice("learner", "nash_md_pg", {"steps": 5, "kl": kl}) for kl in FRONTIER
    ]


def test_the_model_is_that_of_every_experiment_with_learners(both: Plan) -> None:
    plan = both.with_model("gpt2")
    assert [dict(q.experiment.params) for q in plan.questions] == [{}, *[{"model": "gpt2"}] * 2]
    with pytest.raises(SpecError, match='quick: no experiment has scale = "llm", so no model'):
        read("quick").with_model("gpt2")


# cells


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(llm.EXPERIMENTS.added, "consistency", Counting)
    (tmp_path / "games").mkdir()


def test_rows_say_which_scale(both: Plan, tmp_path: Path, counting: None) -> None:
    cell = language(both)[2]
    _, rows = runner.measure(cell, tmp_path)
    steps = llm.learner_parameters("stackelberg_gda")["steps"].default
    assert rows[2] == Row(
        run=tmp_path.name,
        cell=cell.key,
        experiment="consistency",
        scale="llm",
        game="condorcet",
        game_params="{}",
        solver="stackelberg_gda",
        concept="slhf",
        params='{"tau_follower":0.1,"tau_leader":0.1}',
        seed=0,
        context=None,
        step=None,
        metric="duality_gap",
        labels="{}",
        value=1 / steps,
    )
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_learners_are_paired_on_data_as_solvers_are(
    both: Plan, tmp_path: Path, counting: None
) -> None:
    of_condorcet = [cell for cell in language(both) if cell.game == "condorcet"]
    data: dict[int | None, set[float]] = {0: set(), 1: set()}
    solver = set()
    for cell in of_condorcet:
        _, rows = runner.measure(cell, tmp_path)
        values = {json.loads(row.labels).get("what"): row.value for row in rows}
        data[cell.seed].add(values["data"])
        solver.add(values["solver"])
    assert [len(values) for values in data.values()] == [1, 1]
    assert data[0] != data[1]
    assert len(solver) == len(of_condorcet) == 8
    # the training is that of the game and the seed, whichever question asks for it
    assert len(list((tmp_path / "models").iterdir())) == 2


def test_what_takes_longest_begins_and_a_question_waits_for_shared_trainings(both: Plan) -> None:
    order = runner._scheduled(cells(both.only("game", ["condorcet"])))
    scales = [(cell.scale, "model" in cell.experiment_params) for cell in order]
    assert scales == [("llm", False)] * 6 + [("llm", True)] * 2 + [("tabular", False)]


def test_a_learner_may_come_from_a_file(
    both: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learners = METHODS["llm"]
    monkeypatch.setattr(learners.registry, "added", {})
    path = tmp_path / "my_learner.py"
    path.write_text(LEARNER, encoding="utf-8")
    plan = both.only("learner", [learners.named(str(path))]).with_params({"steps": 4})
    (choice,) = plan.of("learner")
    assert {**choice.params, "source": ""} == {"tau": 0.3, "steps": 4, "source": ""}
    files.store("learner", choice.name, choice.params, tmp_path)
    (copy,) = tmp_path.glob("learners/*/my_learner.py")
    assert copy.read_bytes() == path.read_bytes()
    learners.registry.added.clear()  # as in a worker
    files.register("learner", choice.name, choice.params, tmp_path)
    assert learners.make(choice.name, choice.params).concept == "other"


# lists and checks


def test_learners_and_judges_are_listed_with_what_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Broken("torn", "outside", "learner 'torn' cannot be loaded: ImportError")
    load_all: Callable[[Registry[Any]], Any] = Registry.load_all
    monkeypatch.setattr(Registry, "load_all", lambda self: (load_all(self)[0], [broken]))
    header, rows = table("learners")
    assert header == ["learner", "concept", "parameters", "mirrors", "paper"]
    listed = {row[0]: row for row in rows}
    assert listed["nash_md_pg"][1::2] == ["nlhf", "nash_md_pg"]
    assert listed["nash_md_pg"][2].startswith("tau=0.1, mixture=0.0")
    assert listed["torn"] == ["torn", "(failed)", broken.reason, "", "outside"]
    rows = table("judges")[1]
    assert ["longest", "", inspect.getdoc(JUDGES["longest"])] in rows
    assert rows[-1] == ["torn", "(failed)", f"outside: {broken.reason}"]


def test_experiments_of_both_scales_are_listed() -> None:
    header, rows = table("experiments")
    assert header == ["experiment", "scale", "parameters", "what it measures"]
    assert [row[1] for row in rows if row[0] == "consistency"] == ["tabular", "llm"]


def test_kinds_name_plugins_as_their_registries_do() -> None:
    for kind in KINDS.values():
        assert kind.plugins().kind == kind.name
        for name in kind.plugins():
            assert kind.contract is None or kind.attribute(name) == kind.plugins().attribute(name)


def test_check_knows_learners_and_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_learner.py").write_text(LEARNER, encoding="utf-8")
    code, out, _ = call(monkeypatch, capsys, "check", "my_learner.py")
    assert (code, out.splitlines()[0]) == (1, "pass  name")
    assert "FAIL  claims    mirrors nash_md_pg, whose concept is 'nlhf'" in out
    code, out, err = call(monkeypatch, capsys, "check", "longest")
    assert (code, err) == (0, "")
    assert "pass  odd_texts" in out
    code, out, err = call(monkeypatch, capsys, "check", "nash_md_pg", "--kind", "learner")
    assert "pass  gradient" in out  # the learner's, not the solver's
    code, out, err = call(monkeypatch, capsys, "check", "condorcet", "--kind", "judge")
    assert (code, out) == (2, "")
    assert "no judge named 'condorcet'" in err
    code, out, err = call(monkeypatch, capsys, "check", "longes")
    assert (code, out) == (2, "")
    assert "no plugin named 'longes' and not a .py file; did you mean longest" in err


@pytest.mark.parametrize(("kind", "name"), [("learner", "nash_md_pg"), ("judge", "longest")])
def test_new_refuses_names_of_learners_and_judges(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    assert name in JUDGES or kind == "learner"
    code, out, err = call(monkeypatch, capsys, "new", kind, name)
    assert (code, out) == (2, "")
    assert f"there is a {kind} named {name!r} already" in err
