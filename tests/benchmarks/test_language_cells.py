"""Learners and experiments of scale "llm" in the matrix, with a stand-in for the package llm."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import listing, runner
from benchmarks.listing import table
from benchmarks.matrix import Cell, cells
from benchmarks.plan import Choice, Plan
from benchmarks.spec import read
from games import PrefgamesError, SpecError
from results import Row, load
from solvers import discovery
from tests.command import call
from tests.programs import fake_llm

ROOT = Path(__file__).parents[2]
FAKE = [sys.executable, str(Path(__file__).parents[1] / "programs" / "fake_llm.py")]

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

from llm.learners.learner import Learner


@dataclass(frozen=True)
class MyLearner(Learner):
    \\"\\"\\"Mine.\\"\\"\\"

    tau: float = 0.3
    concept = "other"
"""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in fake_llm.package().items():
        monkeypatch.setitem(sys.modules, name, module)


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
    assert both.learners == (
        Choice("nash_md_pg", {"tau": 0.1, "steps": 5}),
        Choice("nash_md_pg", {"tau": 0.2, "steps": 5}),
        Choice("stackelberg_gda", {"tau_leader": 0.1, "tau_follower": 0.1}),
    )
    assert [question.scale for question in both.questions] == ["tabular", "llm", "llm"]
    assert both.questions[2].learners == ("stackelberg_gda",)
    held = both.data()
    assert [learner["name"] for learner in held["learners"]] == [c.name for c in both.learners]
    assert held["experiments"][2]["scale"] == "llm"
    assert held["experiments"][2]["learners"] == ("stackelberg_gda",)


def test_a_scale_crosses_games_with_its_own_methods(both: Plan) -> None:
    found = [(c.scale, c.game, c.solver, c.seed, "model" in c.experiment_params)
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
    assert found == expected
    assert len(found) == 13


def test_the_scale_is_part_of_the_key(both: Plan) -> None:
    one = language(both)[0]
    assert Cell(**{**vars(one), "scale": "tabular"}).key != one.key
    changed = [
        both.only("learners", ["nash_md_pg"]),
        both.with_params({"lr": 0.2}),
        both.with_model("other"),
    ]
    assert len({plan.run_name for plan in [both, *changed]}) == 4


def test_a_spec_may_have_learners_only(tmp_path: Path) -> None:
    plan = plan_of(without(SPEC, "solvers", "experiments"), tmp_path)
    assert plan.solvers == ()
    assert {cell.scale for cell in cells(plan)} == {"llm"}
    tabular = without(SPEC, "learners", "learners").partition('scale = "llm"')[0]
    plan = plan_of(tabular.removesuffix('\n[[experiments]]\nname = "consistency"\n'), tmp_path)
    assert {cell.scale for cell in cells(plan)} == {"tabular"}


@pytest.mark.parametrize(
    ("change", "told"),
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
            r"learners\[0\]: steps is 0, expected a number >= 1",
        ),
        (
            lambda text: text.replace("steps = 5", "kl = 0.1"),
            r"learners\[0\]: nash_md_pg has no parameter 'kl'",
        ),
        (
            lambda text: text.replace('"stackelberg_gda"\ntau', '"stackelberg"\ntau'),
            r"learners\[1\]: no learner named 'stackelberg'; did you mean stackelberg_gda",
        ),
        (
            lambda text: text.replace('"consistency"\nscale', '"convergence"\nscale', 1),
            r"experiments\[1\]: no experiment named 'convergence';.* known: consistency",
        ),
        (
            lambda text: text.replace('model = "my/model"', 'modle = "my/model"'),
            r"experiments\[2\]: consistency has no parameter 'modle'; did you mean model",
        ),
    ],
)
def test_mistakes_name_the_place_and_the_repair(
    tmp_path: Path, change: Callable[[str], str], told: str
) -> None:
    assert change(SPEC) != SPEC
    with pytest.raises(SpecError, match=told) as caught:
        plan_of(change(SPEC), tmp_path)
    assert "\n" not in str(caught.value)


# what the command line changes


def test_only_learners(both: Plan, tmp_path: Path) -> None:
    plan = both.only("learners", ["stackelberg_gda"])
    assert [learner.name for learner in plan.learners] == ["stackelberg_gda"]
    assert plan.solvers == both.solvers
    few = plan_of(SPEC.replace('["stackelberg_gda"]', '["nash_md_pg"]'), tmp_path)
    few = plan_of(without(SPEC, "learners"), tmp_path).only("learners", ["nash_md_pg"])
    assert few.learners == (Choice("nash_md_pg", {"tau": 0.1}),)
    assert {cell.solver for cell in language(few) if "model" in cell.experiment_params} == {
        "nash_md_pg"  # what the user adds is used everywhere
    }
    with pytest.raises(SpecError, match="no learner named 'dpo'"):
        both.only("learners", ["dpo"])


def test_methods_that_no_experiment_asks_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match='quick: no experiment has scale = "llm" for learners'):
        read("quick").only("learners", ["nash_md_pg"])
    llm = plan_of(without(SPEC, "solvers", "experiments"), tmp_path)
    with pytest.raises(SpecError, match='both: no experiment has scale = "tabular" for solvers'):
        llm.only("solvers", ["nlhf_exact"])


def test_parameters_are_set_where_they_exist(both: Plan) -> None:
    plan = both.with_params({"tau": 0.3})
    assert plan.solvers == (Choice("nlhf_exact", {"tau": 0.3}),)
    assert plan.learners == (
        Choice("nash_md_pg", {"tau": 0.3, "steps": 5}),
        Choice("stackelberg_gda", {"tau_leader": 0.3, "tau_follower": 0.3}),
    )
    plan = both.with_params({"steps": 7, "tau_leader": 0.4})
    assert plan.solvers == both.solvers
    assert [learner.params["steps"] for learner in plan.learners] == [7, 7, 7]
    assert plan.learners[2].params["tau_leader"] == 0.4
    plan = both.with_params({"kl": 0.05})
    assert (plan.solvers[0].params, plan.learners) == ({"kl": 0.05}, both.learners)
    plan = both.with_params({"model": "gpt2", "steps": 9})
    assert [q.experiment.params.get("model") for q in plan.questions] == [None, "gpt2", "gpt2"]
    assert [learner.params["steps"] for learner in plan.learners] == [9, 9, 9]
    with pytest.raises(SpecError, match="no solver or learner of this run has a parameter 'stpes'"):
        both.with_params({"stpes": 1})
    with pytest.raises(PrefgamesError, match="steps is 0"):
        both.with_params({"steps": 0})


def test_the_model_is_that_of_every_experiment_with_learners(both: Plan) -> None:
    plan = both.with_model("gpt2")
    assert [dict(q.experiment.params) for q in plan.questions] == [{}, *[{"model": "gpt2"}] * 2]
    with pytest.raises(SpecError, match='quick: no experiment has scale = "llm", so no model'):
        read("quick").with_model("gpt2")


# cells


def test_rows_say_which_scale(both: Plan, tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    cell = language(both)[2]
    _, rows = runner.measure(cell, tmp_path)
    assert rows[3] == Row(
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
        value=1 / 3,
    )
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_learners_are_paired_on_data_as_solvers_are(both: Plan, tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    seen: dict[str, list[float]] = {"data": [], "solver": []}
    own = [cell for cell in language(both) if cell.game == "condorcet"]
    for cell in own:
        _, rows = runner.measure(cell, tmp_path)
        values = {json.loads(row.labels).get("what"): row.value for row in rows}
        for what, listed in seen.items():
            listed.append(values[what])
    of_seed = {seed: {v for c, v in zip(own, seen["data"], strict=True) if c.seed == seed}
               for seed in (0, 1)}  # fmt: skip
    assert [len(values) for values in of_seed.values()] == [1, 1]
    assert of_seed[0] != of_seed[1]
    assert len(set(seen["solver"])) == len(own) == 8
    # the training of a learner is that of the game and the seed, whichever question asks for it
    shared = [cell for cell in own if cell.solver == "stackelberg_gda" and cell.seed == 0]
    assert len(shared) == 2
    assert len(list((tmp_path / "models").iterdir())) == 6


# runs


def command(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    order = [*FAKE, *map(str, arguments)]
    return subprocess.run(
        order,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )


def the_run(folder: Path) -> Path:
    (run_dir,) = (folder / "runs").iterdir()
    return run_dir


def test_a_run_sets_both_scales_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(SPEC, encoding="utf-8")
    done = command(tmp_path, "run", "spec.toml", "--jobs", "1", "--game", "condorcet")
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("game at tau = 0.1 answer entropy gap")
    assert {re.split(" A | 3-way tie ", line.split(" ", 1)[1])[0] for line in lines[1:]} == {
        "NLHF",
        "nash_md_pg (LM)",
        "stackelberg_gda (LM)",
        "stackelberg_gda (LM my/model)",
    }
    frame = load(the_run(tmp_path))
    assert dict(frame.groupby("cell")["scale"].first().value_counts()) == {"tabular": 1, "llm": 8}
    (segment,) = (the_run(tmp_path) / "rows").iterdir()
    told = segment.read_text(encoding="utf-8").splitlines()
    scales = [("llm" in line, "my/model" in line) for line in told]
    # what takes longest begins, and a question that may share its trainings waits for them
    assert scales == [(True, False)] * 6 + [(True, True)] * 2 + [(False, False)]
    assert "9 cells: 9 done (0 now)" in command(
        tmp_path, "run", "spec.toml", "--game", "condorcet").stderr  # fmt: skip


def test_a_learner_may_come_from_a_file_and_a_model_from_the_command(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(SPEC, encoding="utf-8")
    path = tmp_path / "my_learner.py"
    path.write_text(LEARNER.replace('\\"', '"'), encoding="utf-8")
    order = ["run", "spec.toml", "--game", "condorcet", "--learner", "my_learner.py"]
    done = command(tmp_path, *order, "--model", "gpt2", "-p", "steps=4", "--seeds", "1")
    assert done.returncode == 0, done.stderr
    frame = load(the_run(tmp_path)).query("scale == 'llm'")
    assert set(frame["solver"]) == {"my_learner"}
    assert set(frame["concept"]) == {"other"}
    (params,) = frame["params"].unique()
    assert {**json.loads(params), "source": ""} == {"tau": 0.3, "steps": 4, "source": ""}
    assert all(json.loads(labels)["model"] == "gpt2" for labels in frame["labels"])
    (kept,) = the_run(tmp_path).glob("learners/*/my_learner.py")
    assert kept.read_bytes() == path.read_bytes()
    assert "error" not in set(frame["status"])


def order_that_waits(folder: Path) -> list[str]:
    """The command for one cell, whose learner waits after step 2 of 5 for the file "go"."""
    text = without(SPEC, "solvers", "experiments", "experiments").replace("my/model", "tiny")
    text = text.replace('learners = ["stackelberg_gda"]', f'marks = "{folder}"')
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    order = ["run", "spec.toml", "--game", "condorcet", "--seeds", "1", "--jobs", "1"]
    return [*order, "--learner", "nash_md_pg", "-p", "tau=0.1"]


def test_a_killed_run_goes_on_where_its_learner_was(tmp_path: Path) -> None:
    order = order_that_waits(tmp_path)
    going = subprocess.Popen(
        [*FAKE, *order], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    while not (tmp_path / "waiting").exists():
        assert going.poll() is None
        time.sleep(0.01)
    going.kill()
    going.wait()
    (checkpoint,) = (the_run(tmp_path) / "models").iterdir()
    assert checkpoint.read_text() == "2"
    (tmp_path / "go").touch()
    time.sleep(0.2)
    assert checkpoint.read_text() == "2"  # no worker is left to go on
    done = command(tmp_path, *order)
    assert done.returncode == 0, done.stderr
    frame = load(the_run(tmp_path)).query("metric == 'entropy'")
    first = frame[frame["labels"].str.contains('"first"')]
    assert list(first["value"]) == [2]
    assert checkpoint.read_text() == "5"


def test_a_training_out_of_time_goes_on_where_it_was(tmp_path: Path) -> None:
    order = order_that_waits(tmp_path)
    spec = tmp_path / "spec.toml"
    spec.write_text("timeout = 3\n" + spec.read_text(encoding="utf-8"), encoding="utf-8")
    done = command(tmp_path, *order)
    assert done.returncode == 1, done.stderr
    assert "1 cells: 0 done (1 now), 1 failed" in done.stderr
    frame = load(the_run(tmp_path))
    assert list(frame["status"]) == ["timeout"]
    assert list(frame["message"]) == ["took longer than 3 seconds"]
    assert (list(frame["scale"]), list(frame["concept"])) == (["llm"], ["nlhf"])
    (tmp_path / "go").touch()
    done = command(tmp_path, *order, "--timeout", "60")
    assert done.returncode == 0, done.stderr
    frame = load(the_run(tmp_path)).query("metric == 'entropy'")
    assert list(frame[frame["labels"].str.contains('"first"')]["value"]) == [2]


# lists and checks


def test_learners_and_judges_are_listed_with_what_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = discovery.Broken("torn", "outside", "learner 'torn' cannot be loaded: ImportError")
    monkeypatch.setattr(discovery, "outside", lambda registry, group: [broken])
    header, rows = table("learners")
    assert header == ["learner", "concept", "parameters", "mirrors", "paper"]
    paper = "Munos et al. 2023"
    assert rows == [
        ["nash_md_pg", "nlhf", "tau=0.1, mixture=0.0", "nash_md_pg", paper],
        ["stackelberg_gda", "slhf", "tau_leader=0.1, tau_follower=0.2", "stackelberg_gda", ""],
        ["torn", "(failed)", broken.reason, "", "outside"],
    ]
    assert table("judges")[1] == [
        ["longest", "margin=0.5", "The longer answer wins."],
        ["torn", "(failed)", f"outside: {broken.reason}"],
    ]


def test_experiments_of_both_scales_are_listed() -> None:
    header, rows = table("experiments")
    assert header == ["experiment", "scale", "parameters", "what it measures"]
    assert [row[1] for row in rows if row[0] == "consistency"] == ["tabular", "llm"]


def test_check_knows_learners_and_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_learner.py").write_text(LEARNER.replace('\\"', '"'), encoding="utf-8")
    Path("my_taste.py").write_text("class MyTasteJudge:\n    pass\n", encoding="utf-8")
    for plugin, kind in (
        ("my_learner.py", "MyLearner"),
        ("my_taste.py", "MyTasteJudge"),
    ):
        code, out, err = call(monkeypatch, capsys, "check", plugin)
        assert (code, err) == (0, "")
        assert out.startswith(f"pass  name  a {kind}\n")
    code, out, err = call(monkeypatch, capsys, "check", "longest")
    assert (code, out.splitlines()[0]) == (1, "FAIL  name  a LongestJudge")
    code, out, err = call(monkeypatch, capsys, "check", "nash_md_pg", "--kind", "learner")
    assert out.splitlines()[0] == "FAIL  name  a NashMdPg"  # the stand-in's, not the solver
    code, out, err = call(monkeypatch, capsys, "check", "condorcet", "--kind", "judge")
    assert (code, out) == (2, "")
    assert "no judge named 'condorcet'; did you mean longest" in err
    code, out, err = call(monkeypatch, capsys, "check", "longes")
    assert (code, out) == (2, "")
    assert "no plugin named 'longes' and not a .py file; did you mean longest" in err


@pytest.mark.parametrize(("kind", "name"), [("learner", "nash_md_pg"), ("judge", "longest")])
def test_new_refuses_names_of_learners_and_judges(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    code, out, err = call(monkeypatch, capsys, "new", kind, name)
    assert (code, out) == (2, "")
    assert f"there is a {kind} named {name!r} already" in err


# without the extra


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is there but cannot be imported."""
    for name in fake_llm.package():
        monkeypatch.setitem(sys.modules, name, None)


REPAIR = r'language models cannot be loaded \(.*llm.*\); pip install "prefgames\[llm\]"$'


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "spec.toml"],
        ["run", "quick", "--learner", "my_learner.py"],
        ["ls", "learners"],
        ["ls", "judges"],
        ["new", "learner", "my_method"],
        ["new", "judge", "my_taste"],
        ["check", "my_taste.py"],
        ["check", "nash_md_pg", "--kind", "learner"],
    ],
    ids=" ".join,
)
def test_what_needs_language_models_says_how_to_get_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_torch: None,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.toml").write_text(SPEC, encoding="utf-8")
    Path("my_taste.py").write_text("class MyTasteJudge:\n    pass\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.search(REPAIR, err.strip()), err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_what_needs_none_works_without(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_torch: None,
) -> None:
    assert cells(read("quick"))
    for kind in ("games", "solvers", "specs"):
        assert table(kind)[1]
    code, _, err = call(monkeypatch, capsys, "check", "condorcet")
    assert (code, err) == (0, "")
    rows = table("experiments")[1]
    assert [row[1] for row in rows if row[0] == "consistency"] == ["tabular"]
    assert rows[-1][:2] == ["-", "llm"]
    assert re.search(REPAIR, rows[-1][-1])
    code, _, err = call(monkeypatch, capsys, "check", "nlhf_exac")
    assert code == 2
    assert "did you mean nlhf_exact" in err


def test_the_cells_of_a_spec_are_counted_without_language_models(
    both: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_torch: None
) -> None:
    path = tmp_path / "spec.toml"
    monkeypatch.setattr(listing, "builtin", lambda: {str(path): path})
    assert path.read_text(encoding="utf-8") == SPEC  # 13 cells, see above
    assert table("specs")[1] == [[str(path), 13, ""]]
