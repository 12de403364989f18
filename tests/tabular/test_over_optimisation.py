"""Over-optimisation: scores by hand on a cycle, and along the KL; planted bugs."""

from typing import Any

import numpy as np
import pytest

from games import Comparisons, PreferenceGame, SpecError
from games.numerics import sigmoid
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS, MatchedKl
from tabular.over_optimisation import OverOptimisation
from tests.measured import measured, select, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import generators, random_games, three_annotators

BRADLEY_TERRY = {"name": "bradley_terry", "ridge": 0}
RLHF, NLHF = SOLVERS["rlhf_exact"](tau=0.0), SOLVERS["nlhf_exact"](tau=0.0)
SLHF = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.0)


def scores(
    kind: type[OverOptimisation], game: PreferenceGame, solver: Solver, **params: Any
) -> dict[str, float]:
    rows = list(kind(**params).measure(game, solver, generators))
    assert {m.status for m in rows} == {"ok"}
    return {m.metric: m.value for m in rows}


def on_a_cycle_by_hand(kind: type[OverOptimisation]) -> None:
    """P(A > B) = .65, P(B > C) = .75, P(A > C) = .4; B has the highest Bradley-Terry reward.

    On the Bradley-Terry estimate B beats everything, so that all three concepts answer B, and score
    1/2 there; in truth B loses to A, .35 to .65.
    """
    game = three_annotators()
    for solver in (NLHF, SLHF):
        got = scores(kind, game, solver, n_comparisons=None, estimator=BRADLEY_TERRY)
        assert got["proxy_score"] == pytest.approx(0.5)
        assert got["true_score"] == pytest.approx(0.35)
        assert got["score_gap"] == pytest.approx(0.15)
        assert got["win_rate_over_ref"] == pytest.approx((0.35 + 0.5 + 0.75) / 3)
        assert got["kl_to_ref"] == pytest.approx(np.log(3))
    # the reward that fits the truth fits the estimate as well: RLHF sees no gap
    got = scores(kind, game, RLHF, n_comparisons=None, estimator=BRADLEY_TERRY)
    r = RLHF.rewards(game)  # type: ignore[attr-defined]
    assert got["true_score"] == pytest.approx(r[1])
    assert got["score_gap"] == pytest.approx(0, abs=1e-9)
    assert got["proxy_win_rate"] == pytest.approx(np.mean(sigmoid(r[1] - r)))
    # with all win rates known nothing is a proxy
    for solver, best in ((NLHF, 0.5), (SLHF, 0.4), (RLHF, r[1])):
        got = scores(kind, game, solver, n_comparisons=None)
        assert got["true_score"] == pytest.approx(best)
        assert got["score_gap"] == pytest.approx(0, abs=1e-9)
        assert got["proxy_win_rate"] == pytest.approx(got["win_rate_over_ref"])


def on_unequal_references(kind: type[OverOptimisation]) -> None:
    """Rewards are counted from the reference; pairs that are not compared say nothing."""
    P = [[0.5, 0.6, 0.9], [0.4, 0.5, 0.7], [0.1, 0.3, 0.5]]
    pairs = [[0, 3, 1], [3, 0, 0], [1, 0, 0]]
    game = PreferenceGame(P, [0.5, 0.2, 0.3], pairs=pairs)
    got = scores(kind, game, RLHF, n_comparisons=None)
    r = np.array([0, -np.log(1.5), -np.log(9)])
    assert got["true_score"] == pytest.approx(r[0] - game.ref @ r)
    unseen = np.array(P)
    unseen[1, 2] = unseen[2, 1] = 0.5
    filled = RLHF.rewards(PreferenceGame(unseen))  # type: ignore[attr-defined]
    assert got["proxy_score"] == pytest.approx(filled[0] - game.ref @ filled)
    assert got["proxy_score"] != pytest.approx(got["true_score"], abs=0.01)


def on_drawn_data(kind: type[OverOptimisation]) -> None:
    game = random_games(2, 1, 4).at(0)
    data = Comparisons.sample(game, 40, generators("data", {"change": "none"}, 40))
    estimate = data.game(game.ref)
    solver = SOLVERS["nlhf_exact"](tau=0.1)
    policy = solver.solve(PreferenceGame(estimate.P, game.ref)).policy
    got = scores(kind, game, solver, n_comparisons=40)
    assert got["proxy_score"] == pytest.approx(min(policy @ estimate.P))
    assert got["true_score"] == pytest.approx(min(policy @ game.P))
    assert got["proxy_win_rate"] == pytest.approx(policy @ estimate.P @ game.ref)
    assert got["win_rate_over_ref"] == pytest.approx(policy @ game.P @ game.ref)
    leader = SOLVERS["slhf_exact"](tau_leader=0.2, tau_follower=0.1)
    policy = leader.solve(PreferenceGame(estimate.P, game.ref)).policy
    got = scores(kind, game, leader, n_comparisons=40)
    assert got["proxy_score"] == pytest.approx(policy @ estimate.P.min(-1))
    assert got["true_score"] == pytest.approx(policy @ game.P.min(-1))


CHECKS = [on_a_cycle_by_hand, on_unequal_references, on_drawn_data]


def check_all(kind: type[OverOptimisation]) -> None:
    for check in CHECKS:
        check(kind)


@pytest.mark.parametrize("check", CHECKS)
def test_the_numbers(check: Any) -> None:
    check(OverOptimisation)


MUTANTS = mutants({
    OverOptimisation: [
        ("proxy, _ = score(solver, fitted.game", "proxy, _ = score(solver, game"),
        ("true, why = score(solver, game", "true, why = score(solver, fitted.game"),
        ("proxy - true", "true - proxy"),
        ("policy - game.ref, fit", "policy, fit"),
        ("measures.win_rate(fitted.game, policy, game.ref)",
         "measures.win_rate(fitted.game, game.ref, policy)"),
        ("measures.win_rate(game, policy, game.ref)",
         "measures.win_rate(fitted.game, policy, game.ref)"),
        ("measures.worst_win_rate(game, policy)", "measures.duality_gap(game, policy)"),
        ("measures.leader_value(game, policy)", "measures.worst_win_rate(game, policy)"),
        ("solution = fitted.solve(solver,", "solution = solver.solve(game,"),
    ],
})  # fmt: skip
MUTANTS += mutants({
    OverOptimisation: [
        ("counts * game.P,", "counts * np.swapaxes(game.P, -1, -2),"),
        ("counts = _UNLIMITED * weights", "counts = 1 - np.eye(game.n) + 0 * weights"),
        ("replace(truth, P=P, pairs=None)", "replace(truth, P=P)"),
    ],
}, module="tabular.estimates")  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_caught(mutant: Mutant) -> None:
    assert_noticed(mutant, check_all)


def test_along_the_kl_the_proxy_rises_and_the_truth_turns_down() -> None:
    """On the cycle above no reward is right: from a win rate of .467 the truth falls to .35."""
    game = three_annotators()
    curve = [
        scores(
            OverOptimisation,
            game,
            MatchedKl(SOLVERS["nlhf_exact"], kl),
            n_comparisons=None,
            estimator=BRADLEY_TERRY,
        )
        for kl in (0.003, 0.01, 0.1, 0.3, 0.9)
    ]
    proxy, true = ([at[name] for at in curve] for name in ("proxy_score", "true_score"))
    assert [at["kl_to_ref"] for at in curve] == pytest.approx([0.003, 0.01, 0.1, 0.3, 0.9])
    assert proxy == sorted(proxy)
    assert proxy[-1] > 0.49
    assert true == sorted(true, reverse=True)
    assert true[0] > 0.46
    assert true[-1] < 0.36


def test_without_an_estimate_or_a_true_reward_scores_are_undefined() -> None:
    sure = PreferenceGame([[0.5, 1, 1], [0, 0.5, 0.6], [0, 0.4, 0.5]])
    params: dict[str, Any] = {"n_comparisons": None, "estimator": BRADLEY_TERRY}
    rows = measured("over_optimisation", sure, NLHF, **params)
    assert len(rows) == 6
    assert {m.status for m in rows} == {"undefined"}
    params["estimator"] = "bradley_terry"
    rows = measured("over_optimisation", sure, RLHF, **params)
    status = {m.metric: m.status for m in rows}
    assert status["proxy_score"] == status["win_rate_over_ref"] == "ok"
    assert status["true_score"] == status["score_gap"] == "undefined"
    assert "maximum is infinite" in select(rows, "true_score")[0].message
    shrug = type("Shrug", (SOLVERS["nlhf_exact"],), {"concept": "other"})
    rows = measured("over_optimisation", sure, shrug(tau=0.1), n_comparisons=None)
    assert {m.metric for m in rows} == {"proxy_win_rate", "win_rate_over_ref", "kl_to_ref"}


def test_contexts_are_scored_each_at_its_own_tau() -> None:
    game = random_games(0, 3, 4)
    solver = MatchedKl(SOLVERS["slhf_exact"], 0.1)
    together = measured("over_optimisation", game, solver, n_comparisons=None)
    for k in range(3):
        alone = measured("over_optimisation", game.at(k), solver, n_comparisons=None)
        assert [m.value for m in alone] == pytest.approx(
            [m.value for m in together if m.context == k], abs=1e-7
        )
    assert values(together, "kl_to_ref") == pytest.approx([0.1] * 3)


def test_parameters_are_checked_and_say_what_draws() -> None:
    make = EXPERIMENTS["over_optimisation"]
    for params in ({"n_comparisons": 0}, {"estimator": "tables"}, {"estimator": {"name": 1}}):
        with pytest.raises(SpecError, match=r"over_optimisation|did you mean table"):
            make(**params)
    assert make().draws
    assert not make(n_comparisons=None).draws
    assert make(n_comparisons=None, estimator="general").draws
