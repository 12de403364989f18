"""Specs: what a file says, what the command line changes, and how mistakes read."""

from pathlib import Path

import pytest

from benchmarks import files
from benchmarks.choices import Choice
from benchmarks.kinds import KINDS
from benchmarks.matrix import cells
from benchmarks.methods import METHODS
from benchmarks.plan import Plan
from benchmarks.runner import measure
from benchmarks.spec import builtin, read
from games import GAMES, PrefgamesError, SpecError
from results.frames import comparison_of
from results.rows import canonical
from solvers import SOLVERS
from solvers.slhf_exact import SlhfExact
from tabular import MatchedKl
from tests.outside import SOLVER
from tests.written import written

MINIMAL = """
name = "mini"

[[games]]
name = "condorcet"

[[solvers]]
name = "nlhf_exact"

[[experiments]]
name = "consistency"
"""

FULL = """
name = "full"
seeds = 2
seed = 5
timeout = 9

[[games]]
name = ["condorcet", "skew_cycle"]

[[games]]
name = "three_types"
grid = { epsilon = [-0.1, 0.1] }

[[games]]
name = "random"
n = 4

[[solvers]]
name = ["rlhf_exact", "slhf_exact"]
grid = { tau = [0, 0.1] }

[[solvers]]
name = "slhf_exact"
tau_leader = 0.2
grid = { tau_follower = [0.2, 0.3] }

[[solvers]]
name = "nlhf_exact"
kl = 0.05

[[experiments]]
name = "consistency"

[[experiments]]
name = "refinement"
n_answers = 2
games = ["condorcet"]
solvers = ["slhf_exact"]
"""


def plan_of(text: str, folder: Path) -> Plan:
    path = folder / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return read(path)


@pytest.fixture
def full(tmp_path: Path) -> Plan:
    return plan_of(FULL, tmp_path)


def test_lists_of_names_and_grids_are_written_out(full: Plan) -> None:
    assert full.of("game") == [
        Choice("game", "condorcet"),
        Choice("game", "skew_cycle"),
        Choice("game", "three_types", {"epsilon": -0.1}),
        Choice("game", "three_types", {"epsilon": 0.1}),
        Choice("game", "random", {"n": 4}),
    ]
    assert full.methods == [
        Choice("solver", "rlhf_exact", {"tau": 0}),
        Choice("solver", "rlhf_exact", {"tau": 0.1}),
        Choice("solver", "slhf_exact", {"tau_leader": 0, "tau_follower": 0}),
        Choice("solver", "slhf_exact", {"tau_leader": 0.1, "tau_follower": 0.1}),
        Choice("solver", "slhf_exact", {"tau_leader": 0.2, "tau_follower": 0.2}),
        Choice("solver", "slhf_exact", {"tau_leader": 0.2, "tau_follower": 0.3}),
        Choice("solver", "nlhf_exact", {"kl": 0.05}),
    ]
    assert (full.seeds, full.timeout) == (range(5, 7), 9)
    assert full.questions[1].limits == {"game": ("condorcet",), "solver": ("slhf_exact",)}


def test_a_default_weight_is_written_out_and_repeats_are_dropped(tmp_path: Path) -> None:
    again = '\n[[solvers]]\nname = "nlhf_exact"\ntau = 0.1\n'
    plan = plan_of(MINIMAL + again, tmp_path)
    assert plan.methods == [Choice("solver", "nlhf_exact", {"tau": 0.1})]
    assert (plan.seeds, plan.timeout) == (range(0, 1), 600)


def test_a_list_outside_the_grid_is_one_value(tmp_path: Path) -> None:
    text = MINIMAL.replace('"condorcet"', '"condorcet"\nalpha = [0.5, 0.3, 0.2]')
    assert plan_of(text, tmp_path).of("game") == [
        Choice("game", "condorcet", {"alpha": [0.5, 0.3, 0.2]})
    ]


def test_kl_makes_a_matched_solver_and_keeps_the_other_parameters() -> None:
    solver = METHODS["tabular"].make("rlhf_exact", {"kl": 0.05, "ridge": 0.5})
    assert isinstance(solver, MatchedKl)
    assert (solver.kl, solver.concept, dict(solver.params)) == (0.05, "rlhf", {"ridge": 0.5})


def test_kl_moves_the_weights_that_are_not_given(full: Plan, tmp_path: Path) -> None:
    text = MINIMAL.replace('"nlhf_exact"', '"slhf_exact"\ntau_follower = 0.0\nkl = 0.1')
    plan = plan_of(text, tmp_path)
    assert plan.methods == [Choice("solver", "slhf_exact", {"tau_follower": 0.0, "kl": 0.1})]
    solver = METHODS["tabular"].make("slhf_exact", plan.methods[0].params)
    assert solver == MatchedKl(SlhfExact, 0.1, {"tau_follower": 0.0})
    (cell,) = cells(plan)
    assert cell.params == '{"kl":0.1,"tau_follower":0}'
    assert plan.with_params({"kl": 0.3}).methods == [Choice("solver", "slhf_exact", {"kl": 0.3})]
    both = full.with_params({"kl": 0.1, "tau_follower": 0.0})
    assert both.methods == [
        Choice("solver", "rlhf_exact", {"kl": 0.1}),
        Choice("solver", "slhf_exact", {"kl": 0.1, "tau_follower": 0.0}),
        Choice("solver", "nlhf_exact", {"kl": 0.1}),
    ]
    with pytest.raises(SpecError, match=r"slhf_exact: kl finds the tau by itself; drop tau_leader"):
        plan.with_params({"kl": 0.1, "tau_follower": 0.0, "tau_leader": 0.2})
    with pytest.raises(PrefgamesError, match=r"tau_follower is -1"):
        plan.with_params({"kl": 0.1, "tau_follower": -1})


def test_the_frontier_is_every_distance_and_no_penalty(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        '"nlhf_exact"', '["nlhf_exact", "slhf_exact"]\ngrid = { kl = "frontier" }'
    )
    levels = [0.01, 0.03, 0.1, 0.3, 1.0]
    assert plan_of(text, tmp_path).methods == [
        *[Choice("solver", "nlhf_exact", {"kl": kl}) for kl in levels],
        Choice("solver", "nlhf_exact", {"tau": 0.0}),
        *[Choice("solver", "slhf_exact", {"kl": kl}) for kl in levels],
        *[Choice("solver", "slhf_exact", {"kl": kl, "tau_follower": 0.0}) for kl in levels],
        Choice("solver", "slhf_exact", {"tau_leader": 0.0, "tau_follower": 0.0}),
    ]
    with pytest.raises(SpecError, match=r"solvers\[0\]: 'tau_follower' is given twice"):
        plan_of(text.replace("grid", "tau_follower = 0.2\ngrid"), tmp_path)
    with pytest.raises(SpecError, match=r"solvers\[0\]: 'tau' is given twice"):
        plan_of(text.replace("grid", "tau = 0.2\ngrid"), tmp_path)
    games = 'name = "random"\ngrid = { kl = "frontier" }'
    with pytest.raises(SpecError, match="random has no parameter 'kl'"):
        plan_of(MINIMAL.replace('name = "condorcet"', games), tmp_path)


@pytest.mark.parametrize("name", sorted(builtin()))
def test_built_in_specs_are_valid(name: str) -> None:
    if name.startswith("llm"):
        pytest.importorskip("torch", reason="language models need the extra llm")
    plan = read(name)
    assert plan.name == name
    assert cells(plan)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = 2", "seedz = 2", r"spec\.toml: unknown key 'seedz'; did you mean .*seeds"),
        ("seeds = 2", "seeds = 0", r"seeds is 0: .*greater than or equal to 1"),
        ("seeds = 2", 'seeds = "2"', r"seeds is '2': .*integer"),
        ("seeds = 2", "seeds = = 2", r"cannot be read as TOML: .*line 3"),
        ('name = "full"', "", r"the key 'name' is missing"),
        ('name = "full"', 'name = "../full"', r"name is '\.\./full'"),
        (
            '[[games]]\nname = "random"',
            "[[games]]\nnam = 1",
            r"games\[2\]: the key 'name' is missing",
        ),
        (
            '"skew_cycle"]',
            '"skew_cycl"]',
            r"games\[0\]: no game named 'skew_cycl'; did you mean skew_cycle",
        ),
        ("n = 4", "m = 4", r"games\[2\]: random has no parameter 'm'"),
        ("n = 4", "n = -4", r"games\[2\]: "),
        ("n = 4", 'n = 4\ndata = "x"', r"random has no parameter 'data'"),
        (
            "grid = { epsilon = [-0.1, 0.1] }",
            "grid = { epsilon = 0.1 }",
            r"games\[1\]\.grid: epsilon is 0\.1",
        ),
        ("grid = { epsilon = [-0.1, 0.1] }", "grid = { epsilon = [] }", r"epsilon is \[\]"),
        ("grid = { epsilon = [-0.1, 0.1] }", "gird = { epsilon = [0.1] }", r"no parameter 'gird'"),
        ("tau = [0, 0.1]", "tau = [0, -0.1]", r"solvers\[0\]: RlhfExact: tau is -0\.1"),
        (
            "tau = [0, 0.1]",
            "tua = [0, 0.1]",
            r"solvers\[0\]: rlhf_exact has no parameter 'tua'; did you mean tau",
        ),
        ("tau_leader = 0.2", "tau_follower = 0.2", r"solvers\[1\]: 'tau_follower' is given twice"),
        (
            "kl = 0.05",
            "kl = 0.05\ntau = 0.1",
            r"solvers\[2\]: nlhf_exact: kl finds the tau by itself; drop tau",
        ),
        ("kl = 0.05", "kl = -1", r"solvers\[2\]: .*kl is -1"),
        (
            "n_answers = 2",
            "n_answer = 2",
            r"experiments\[1\]: refinement has no parameter 'n_answer'; did you mean",
        ),
        (
            'games = ["condorcet"]',
            'games = ["condorce"]',
            r"experiments\[1\]\.games: the spec lists no 'condorce'; did",
        ),
        (
            'solvers = ["slhf_exact"]',
            'solver = ["slhf_exact"]',
            r"refinement has no parameter 'solver'",
        ),
        (
            'name = "consistency"',
            'name = "consistancy"',
            r"no experiment named 'consistancy'; did you mean consi",
        ),
    ],
)
def test_mistakes_name_the_place_and_the_repair(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert FULL.count(old) == 1
    with pytest.raises(SpecError, match=message) as caught:
        plan_of(FULL.replace(old, new), tmp_path)
    assert "spec.toml: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_spec_shows_those_with_similar_names() -> None:
    with pytest.raises(
        SpecError, match=r"no spec named 'qick' and no such file; did you mean quick"
    ):
        read("qick")


def test_the_run_is_named_after_everything_that_makes_cells(full: Plan) -> None:
    assert full.run_name.startswith("full-")
    assert len(full.run_name) == len("full-") + 8
    changed = [
        full.only("game", ["condorcet"]),
        full.only("solver", ["slhf_exact"]),
        full.with_data("mine", "0123456789abcdef"),
        full.with_data("mine", "fedcba9876543210"),
        full.with_params({"ridge": 1}),
    ]
    assert len({full.run_name, *(plan.run_name for plan in changed)}) == 6


def test_an_experiment_may_have_fewer_seeds(tmp_path: Path) -> None:
    text = MINIMAL.replace('name = "mini"', 'name = "mini"\nseeds = 4\nseed = 2').replace(
        '"condorcet"', '"random"'
    )
    less = plan_of(text + "seeds = 2\n" + '[[experiments]]\nname = "refinement"\n', tmp_path)
    seeds: dict[str, list[int | None]] = {}
    for cell in cells(less):
        seeds.setdefault(cell.experiment, []).append(cell.seed)
    assert seeds == {"consistency": [2, 3], "refinement": [2, 3, 4, 5]}
    assert less.run_name != plan_of(text, tmp_path).run_name


def test_the_timeout_does_not_name_the_run(full: Plan, tmp_path: Path) -> None:
    assert plan_of(FULL.replace("timeout = 9", "timeout = 8"), tmp_path).run_name == full.run_name


def test_only_keeps_what_is_named_and_adds_what_is_missing(full: Plan) -> None:
    plan = full.only("solver", ["nlhf_exact"])
    assert plan.methods == [Choice("solver", "nlhf_exact", {"kl": 0.05})]
    plan = full.only("game", ["dice", "three_types"])
    assert [game.name for game in plan.of("game")] == ["three_types", "three_types", "dice"]
    pairs = {(cell.experiment, cell.game) for cell in cells(plan)}
    assert ("refinement", "dice") in pairs  # what the user adds is used everywhere
    assert ("refinement", "three_types") not in pairs
    with pytest.raises(SpecError, match=r"did you mean .*dice"):
        full.only("game", ["dic"])


def test_only_takes_names_as_printed_and_keeps_a_game_inside_another(full: Plan) -> None:
    plan = full.only("game", ["three_types(epsilon=0.1)", "random(n=3)"])
    assert [dict(game.params) for game in plan.of("game")] == [{"epsilon": 0.1}, {"n": 3}]
    methods = full.only("solver", ["RLHF", "nlhf_exact(tau=0.3)"]).methods
    assert [(m.name, m.params["tau"]) for m in methods] == [
        ("rlhf_exact", 0),
        ("rlhf_exact", 0.1),
        ("nlhf_exact", 0.3),
    ]
    llm = read("llm_quick", check_llm=False).only("game", ["condorcet"])
    (game,) = llm.of("game")
    assert (game.name, game.params["game"]) == ("laddered", "condorcet")


def test_parameters_of_games_are_set_where_they_exist(full: Plan) -> None:
    changed = full.with_game_params({"epsilon": 0.2})
    assert [g.params for g in changed.of("game") if g.params] == [{"epsilon": 0.2}, {"n": 4}]
    with pytest.raises(SpecError, match=r"no game of this run has a parameter 'epsylon'; did you"):
        full.with_game_params({"epsylon": 0.2})


def test_files_of_games_and_solvers_begin_at_the_folder_of_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for registry in (SOLVERS, GAMES):
        monkeypatch.setattr(registry, "added", {})
    (tmp_path / "fixed_policy.py").write_text(SOLVER, encoding="utf-8")
    (tmp_path / "coin.py").write_text(
        "from games import PreferenceGame\n\n\ndef coin(p: float = 0.7):\n"
        "    return PreferenceGame([[0.5, p], [1 - p, 0.5]])\n",
        encoding="utf-8",
    )
    text = MINIMAL.replace('"condorcet"', '"coin.py"').replace("nlhf_exact", "fixed_policy.py")
    plan = plan_of(text + 'solvers = ["fixed_policy.py"]\n', tmp_path)
    game, solver = plan.choices
    assert (game.name, solver.name) == ("coin", "fixed_policy")
    assert {*game.params} == {"source"}
    assert {*solver.params} == {"tau", "source"}
    (cell,) = cells(plan)
    for choice in plan.choices:
        files.store(choice.kind, choice.name, choice.params, tmp_path)
        KINDS[choice.kind].plugins().added.clear()  # as in a worker
    (tmp_path / "games").mkdir(exist_ok=True)
    _, rows = measure(cell, tmp_path)
    assert {row.status for row in rows} == {"ok"}
    with pytest.raises(SpecError, match=r"solvers\[0\]: .*nowhere\.py: no such file"):
        plan_of(text.replace("fixed_policy.py", "nowhere.py"), tmp_path)


def test_a_solver_from_a_file_alone_has_the_exact_ones_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SOLVERS, "added", {})
    path = tmp_path / "fixed_policy.py"
    path.write_text(SOLVER, encoding="utf-8")
    exact = ["rlhf_exact", "nlhf_exact", "slhf_exact"]
    plan = read("quick").only("solver", [str(path)])
    assert [method.name for method in plan.methods] == [*exact, "fixed_policy"]
    assert {comparison_of(canonical(method.params)) for method in plan.methods} == {"tau = 0.1"}
    both = read("quick").only("solver", [str(path), "nlhf_exact(kl=0.3)"])
    assert [method.name for method in both.methods] == ["nlhf_exact", "fixed_policy"]


def test_data_goes_under_every_experiment_and_solver(full: Plan) -> None:
    matrix = cells(full.with_data("mine", "0123456789abcdef"))
    of_data = [cell for cell in matrix if cell.game == "mine"]
    assert {cell.game_params for cell in of_data} == {'{"data":"0123456789abcdef"}'}
    assert len(of_data) == len(full.methods) + 4
    with pytest.raises(SpecError, match="already has a game called 'dice'"):
        full.only("game", ["dice"]).with_data("dice", "0123456789abcdef")


def test_parameters_are_set_where_they_exist(full: Plan) -> None:
    ridged = full.with_params({"ridge": 0.5})
    assert ridged.methods[:2] == [
        Choice("solver", "rlhf_exact", {"tau": 0, "ridge": 0.5}),
        Choice("solver", "rlhf_exact", {"tau": 0.1, "ridge": 0.5}),
    ]
    assert ridged.methods[2:] == full.methods[2:]
    assert full.with_params({"tau": 0.3}).methods == [
        Choice("solver", "rlhf_exact", {"tau": 0.3}),
        Choice("solver", "slhf_exact", {"tau_leader": 0.3, "tau_follower": 0.3}),
        Choice("solver", "nlhf_exact", {"tau": 0.3}),
    ]
    assert {tuple(s.params) for s in full.with_params({"kl": 0.3}).methods} == {("kl",)}
    with pytest.raises(
        SpecError, match="no solver of this run has a parameter 'rigde'; did you mean ridge"
    ):
        full.with_params({"rigde": 1})
    with pytest.raises(PrefgamesError, match="ridge is -1"):
        full.with_params({"ridge": -1})


CLAIM = """
[[solvers]]
name = "rlhf_exact"

[[hypotheses]]
family = "gap"
question = "consistency"
metric = "duality_gap"
first = "rlhf_exact"
second = "nlhf_exact"
direction = "more"
smallest = 0.02
at = [0.1, "tau = 0"]
"""


def test_hypotheses_are_part_of_the_run(tmp_path: Path) -> None:
    plan, without = (read(written(tmp_path, "a.toml", text)) for text in (MINIMAL + CLAIM, MINIMAL))
    (claim,) = plan.hypotheses
    assert claim.at == [0.1, "tau = 0"]
    assert plan.data()["hypotheses"][0]["smallest"] == 0.02
    assert "hypotheses" not in without.data()
    less = read(written(tmp_path, "a.toml", MINIMAL + CLAIM.replace('"more"', '"less"')))
    assert less.run_name != plan.run_name
    assert plan.only("game", ["dice"]).hypotheses == plan.hypotheses


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"consistency"\nmetric', '"consistence"\nmetric', r"hypotheses\[0\]\.question: the spec"),
        ('"duality_gap"', '"gap"', r"hypotheses\[0\]\.metric: the spec has no 'gap'"),
        ('first = "rlhf_exact"', 'first = "slhf_exact"', r"hypotheses\[0\]\.first: the spec has"),
        ('second = "nlhf_exact"', 'second = "rlhf_exact"', "first and second are both"),
        ('"more"', '"higher"', r"hypotheses\[0\]: direction is 'higher'"),
        ("smallest = 0.02", "smallest = 0.02\nsmalest = 1", "unknown key 'smalest'"),
        ("smallest = 0.02", "", "the key 'smallest' is missing"),
    ],
)
def test_a_wrong_hypothesis_says_where(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = MINIMAL + CLAIM
    assert text.count(old) == 1
    with pytest.raises(SpecError, match=message):
        read(written(tmp_path, "a.toml", text.replace(old, new)))
