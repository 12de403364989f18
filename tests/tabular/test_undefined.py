"""Values that do not exist are rows with a reason; metrics that do not apply are left out."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from games import GAMES, Population, PreferenceGame
from games.catalogue.clones import clones
from games.population import majority
from solvers import SOLVERS
from tabular import EXPERIMENTS, MatchedKl, Measurement
from tests.measured import measured, select
from tests.paper_games import random_games, three_annotators

SURE = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]], names=["A", "B", "C"])
"""Nothing ever beats A: the Bradley-Terry reward is infinite."""

INFINITE = "the Bradley-Terry maximum is infinite"


def require_undefined(rows: list[Measurement], reason: str) -> None:
    assert rows
    assert {m.status for m in rows} == {"undefined"}
    assert all(np.isnan(m.value) for m in rows)
    assert all(reason in m.message for m in rows), {m.message for m in rows}


def test_a_shift_from_an_answer_that_does_not_exist_does_not_vanish() -> None:
    """No tau brings Nash .1 nats away from this reference; with a pair missing some do."""
    game = GAMES["laddered"](game=GAMES["skew_cycle"]())
    measurements = measured(
        "data_sensitivity", game, MatchedKl(SOLVERS["nlhf_exact"], 0.1), setting="estimated"
    )
    shifts, gaps = select(measurements, "shift"), select(measurements, "duality_gap")
    assert len(shifts) == len(gaps) == len(select(measurements, "regret")) == 8
    assert 0 < sum(m.status == "ok" for m in gaps) < 8
    require_undefined(shifts, "ask for a smaller kl")
    require_undefined(select(measurements, "regret"), "ask for a smaller kl")
    # which pairs were compared needs no solver
    unseen = select(measurements, "unseen_share")
    assert [(m.status, m.value) for m in unseen] == [
        ("ok", 1 / 3 if m.labels["change"] == "missing" else 0) for m in unseen
    ]
    assert len(unseen) == 8


@pytest.mark.parametrize("setting", ["known", "estimated"])
def test_regret_under_an_infinite_reward_does_not_vanish(setting: str) -> None:
    measurements = measured("data_sensitivity", SURE, SOLVERS["ipo"](max_steps=50), setting=setting)
    require_undefined(select(measurements, "regret"), INFINITE)
    assert {m.status for m in select(measurements, "shift")} <= {"ok", "max_steps"}


def test_each_context_of_a_question_has_a_reason() -> None:
    even = PreferenceGame(np.full((3, 3), 0.5), names=["A", "B", "C"])
    game = PreferenceGame.stack([SURE, three_annotators(), even])
    measurements = measured(
        "consistency", game, MatchedKl(SOLVERS["rlhf_exact"], 0.05), most_cloned=0
    )
    for metric in ("entropy", "regret", "tau", "probability"):
        rows = {m.context: m for m in select(measurements, metric)}
        assert [rows[k].status for k in range(3)] == ["undefined", "ok", "undefined"]
        assert INFINITE in rows[0].message
        assert rows[1].message == ""
        assert "RlhfExact stays within 0.05 nats" in rows[2].message
    solver = MatchedKl(SOLVERS["rlhf_exact"], 0.05)
    alone = measured("consistency", three_annotators(), solver, most_cloned=0)
    (gap,) = select(alone, "duality_gap")
    assert select(measurements, "duality_gap")[1].value == pytest.approx(gap.value)


def test_metrics_that_do_not_apply_are_left_out() -> None:
    cycle = three_annotators((1 / 3, 1 / 3, 1 / 3))
    measurements = measured("consistency", cycle, SOLVERS["rlhf_exact"](), most_cloned=0)
    assert not select(measurements, "condorcet_mass")
    other = measured("consistency", SURE, SOLVERS["spo"](max_steps=5), most_cloned=0)
    assert not [m for m in other if m.status == "undefined"]
    shrug = type("Shrug", (SOLVERS["nlhf_exact"],), {"concept": "other"})
    assert not select(measured("consistency", SURE, shrug(tau=0.1), most_cloned=0), "regret")


def test_consistency_says_when_the_full_data_reward_is_infinite() -> None:
    measurements = measured("consistency", SURE, SOLVERS["ipo"](max_steps=50), most_cloned=0)
    require_undefined(select(measurements, "regret"), INFINITE)
    assert {m.status for m in select(measurements, "entropy")} <= {"ok", "max_steps"}


def test_a_clone_shift_from_an_answer_that_does_not_exist_does_not_vanish() -> None:
    P = [[0.5, 0.94, 0.4], [0.06, 0.5, 0.3], [0.6, 0.7, 0.5]]
    game = PreferenceGame(P, [0.64, 0.35, 0.01], names=["A", "B", "C"])
    solver = MatchedKl(SOLVERS["rlhf_exact"], 0.6)
    assert solver.solve(game).status == "undefined"
    # with a second A the best answer is C, which is far from the reference
    assert solver.solve(clones(game, 0, 2)).status == "ok"
    measurements = measured("consistency", game, solver)
    assert len(select(measurements, "clone_shift")) == 3
    require_undefined(select(measurements, "clone_shift"), "ask for a smaller kl")


def two_types() -> PreferenceGame:
    people = Population(np.array([0.5, 0.5]), np.array([[2.0, 1, 0], [0, 1, 2]]))
    return PreferenceGame(majority(people), population=people)


def test_a_shift_along_a_path_that_begins_without_an_answer_does_not_vanish() -> None:
    measurements = measured(
        "robustness", two_types(), SOLVERS["rlhf_exact"](0.1), path="annotators", points=5
    )
    for kind in (0, 1):
        shifts = select(measurements, "shift", type=kind)
        assert len(shifts) == 5
        require_undefined(shifts, INFINITE)
        gaps = select(measurements, "duality_gap", type=kind)
        assert [m.status for m in gaps] == ["undefined", "ok", "ok", "ok", "undefined"]
        (largest,) = select(measurements, "largest_shift", type=kind)
        assert largest.status == "ok"
        assert largest.value > 0


def test_a_path_without_two_neighbours_that_have_answers_has_no_largest_shift() -> None:
    measurements = measured(
        "robustness", two_types(), SOLVERS["rlhf_exact"](0.1), path="annotators", points=3
    )
    require_undefined(select(measurements, "largest_shift"), INFINITE)
    assert len(select(measurements, "largest_shift")) == 2


def test_a_leader_without_an_answer_leaves_the_other_rows_alone() -> None:
    game = PreferenceGame.stack([SURE, three_annotators()])
    measurements = measured("refinement", game, SOLVERS["slhf_exact"](), n_answers=1)
    rates = select(measurements, "refinement_win_rate")
    undefined = [m for m in rates if m.status == "undefined"]
    assert [(m.context, m.labels["leader"]) for m in undefined] == [(0, "rlhf")]
    require_undefined(undefined, INFINITE)
    assert len(rates) == 8
    matched = measured("refinement", three_annotators(), MatchedKl(SOLVERS["slhf_exact"], 0.1))
    nash = select(matched, "refinement_win_rate", leader="nlhf")
    require_undefined(nash, "ask for a smaller kl")


def test_a_failed_comparison_is_undefined_with_the_failure_as_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*arguments: Any, **options: Any) -> Any:
        measurements = linprog(*arguments, **options)
        measurements.status = 4
        return measurements

    monkeypatch.setattr("solvers.exact.maximal_lottery.linprog", failing)
    # the lottery of a winner is found without linear programmes, those of a tie are not
    tied = PreferenceGame(
        [[0.5, 0.5, 0.6], [0.5, 0.5, 0.8], [0.4, 0.2, 0.5]], names=["A", "B", "C"]
    )
    game = PreferenceGame.stack([tied, tied])
    measurements = measured("refinement", game, SOLVERS["slhf_exact"](0.0, 0.0), n_answers=1)
    require_undefined(select(measurements, "refinement_win_rate", leader="nlhf"), "status 4")


@pytest.mark.parametrize("average", [False, True])
def test_convergence_to_a_target_that_does_not_exist_is_undefined(average: bool) -> None:
    game = PreferenceGame.stack([SURE, three_annotators()])
    solver = SOLVERS["dpo"](tau=0.5, max_steps=30)
    measurements = measured("convergence", game, solver, average=average)
    for metric in ("kl_to_target", "tv_to_target"):
        require_undefined([m for m in select(measurements, metric) if m.context == 0], INFINITE)
        assert {m.status for m in select(measurements, metric) if m.context == 1} <= {
            "ok",
            "max_steps",
        }
    assert {m.status for m in select(measurements, "duality_gap")} <= {"ok", "max_steps"}
    assert 0 not in {m.context for m in select(measurements, "step_limit")}
    # where contexts are summarised, those with a target are
    together = select(
        measured("convergence", game, solver, average=average, most_contexts=1), "tv_to_target"
    )
    defined = {
        (m.step, m.labels["iterate"]): m.value
        for m in select(measurements, "tv_to_target")
        if m.context == 1
    }
    assert len(together) == 2 * len(defined)
    for m in together:
        assert m.value == defined[m.step, m.labels["iterate"]]
        assert m.status in ("ok", "max_steps")


@pytest.mark.parametrize("experiment", ["convergence", "fixed_points", "stability"])
def test_algorithms_without_an_answer_are_undefined_in_that_context(experiment: str) -> None:
    game = PreferenceGame.stack([SURE, random_games(2, 1, 3).at(0)])
    solver = SOLVERS["natural_pg"](tau=0.5, eta=0.5, max_steps=200)
    measurements = measured(experiment, game, solver)
    without = [m for m in measurements if m.context == 0]
    require_undefined(without, INFINITE)
    assert [m for m in measurements if m.context == 1 and m.status == "ok"]
    assert not [m for m in measurements if m.context == 1 and m.status == "undefined"]
    require_undefined(measured(experiment, SURE, solver), INFINITE)


@pytest.mark.parametrize(
    ("experiment", "params"),
    [
        *((name, {}) for name in EXPERIMENTS),
        ("data_sensitivity", {"setting": "estimated"}),
        ("data_sensitivity", {"setting": "estimated", "n_comparisons": 30}),
        ("robustness", {"path": "random_raters", "points": 3, "n_comparisons": 30}),
        ("robustness", {"path": "random_flips", "points": 3, "n_comparisons": 30}),
    ],
)
def test_a_game_with_one_answer_goes_through_every_experiment(
    experiment: str, params: dict[str, Any]
) -> None:
    for solver in (SOLVERS["rlhf_exact"](0.0), SOLVERS["nash_md"](max_steps=5)):
        rows = measured(experiment, PreferenceGame([[0.5]]), solver, **params)
        assert {m.status for m in rows} <= {"ok", "max_steps", "skipped", "undefined"}
        assert all(m.message for m in rows if m.status in ("skipped", "undefined"))
