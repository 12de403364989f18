"""Data sensitivity: the published table under every missing pair, known and estimated."""

from typing import Any

import numpy as np
import pytest

from games import PreferenceGame, SpecError
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS
from tests.measured import measured, values
from tests.paper_games import random_games, three_annotators

PAIRS = [["A", "C"], ["A", "B"], ["B", "C"]]


def exact(name: str) -> Solver:
    tau = {"slhf_exact": {"tau_leader": 0.0, "tau_follower": 0.0}}.get(name, {"tau": 0.0})
    return SOLVERS[name](**tau)


@pytest.mark.parametrize(
    ("alpha", "answers"),
    [
        ((0.40, 0.35, 0.25), ["B", "A", "B", "C"]),
        ((0.36, 0.33, 0.31), ["A", "A", "B", "C"]),
        ((1 / 3, 1 / 3, 1 / 3), [None, "A", "B", "C"]),
    ],
)
def test_known_preferences_rlhf_follows_the_missing_pair_and_the_others_do_not_move(
    alpha: tuple[float, float, float], answers: list[str | None]
) -> None:
    game = three_annotators(alpha)
    measurements = measured("data_sensitivity", game, exact("rlhf_exact"))
    policies = [
        np.full(3, 1 / 3) if top is None else np.eye(3)["ABC".index(top)] for top in answers
    ]
    for change, expected in zip([None, *PAIRS], policies, strict=True):
        labels: dict[str, Any] = {"change": "none"} if change is None else {"pair": change}
        assert values(measurements, "probability", **labels) == pytest.approx(expected)
        moved = abs(expected - policies[0]).sum() / 2
        assert values(measurements, "shift", **labels) == pytest.approx([moved])
    for name in ("nlhf_exact", "slhf_exact"):
        shifts = values(measured("data_sensitivity", game, exact(name)), "shift")
        assert len(shifts) == 1 + 3 + 4  # nothing, each pair, sampling from ref and three answers
        assert max(shifts) <= 1e-12


def test_estimated_without_a_pair_all_three_may_move() -> None:
    game = three_annotators()
    nash = measured("data_sensitivity", game, exact("nlhf_exact"), setting="estimated")
    got = values(nash, "probability", pair=["A", "C"], unseen="filled")
    assert got == pytest.approx([0.625, 0, 0.375], abs=1e-12)
    assert values(nash, "shift", pair=["A", "C"]) == pytest.approx([0.2])
    slhf = measured("data_sensitivity", game, exact("slhf_exact"), setting="estimated")
    assert values(slhf, "probability", pair=["A", "C"]) == pytest.approx([1, 0, 0])
    assert max(values(slhf, "shift")) == pytest.approx(1)  # but not so without {B, C}
    assert set(values(nash, "unseen_share", change="missing")) == {1 / 3}


def test_unseen_pairs_are_dropped_or_filled_for_rlhf_only() -> None:
    game = three_annotators()
    solver = SOLVERS["rlhf_exact"](tau=0.5)
    measurements = measured("data_sensitivity", game, solver, setting="estimated")
    P = game.P.copy()
    P[0, 2] = P[2, 0] = 0.5
    filled = solver.solve(PreferenceGame(P)).policy
    pairs = np.ones((3, 3))
    pairs[0, 2] = pairs[2, 0] = 0
    dropped = solver.solve(PreferenceGame(game.P, pairs=pairs)).policy
    assert abs(filled - dropped).max() > 0.05
    for unseen, policy in (("filled", filled), ("dropped", dropped)):
        got = values(measurements, "probability", pair=["A", "C"], unseen=unseen)
        assert got == pytest.approx(policy.tolist())
    other = measured("data_sensitivity", game, exact("slhf_exact"), setting="estimated")
    assert {m.labels.get("unseen") for m in other} == {None, "filled"}


def test_a_finite_sample_is_the_same_for_every_solver_and_approaches_the_truth() -> None:
    game = random_games(3, 2, 4)
    shares = {
        name: values(
            measured("data_sensitivity", game, exact(name), setting="estimated", n_comparisons=7),
            "unseen_share",
        )
        for name in ("nlhf_exact", "slhf_exact")
    }
    assert shares["nlhf_exact"] == shares["slhf_exact"]
    solver = SOLVERS["nlhf_exact"](tau=0.2)
    errors = [
        max(
            values(
                measured("data_sensitivity", game, solver, setting="estimated", n_comparisons=n),
                "shift",
                change="none",
            )
        )
        for n in (30, 3_000, 3_000_000)
    ]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


def test_sampling_from_a_concentrated_policy_moves_rlhf_as_published() -> None:
    """papers.md 1.5: the transitive game under mu = (.8,.1,.1), (.1,.8,.1), (.1,.1,.8)."""
    P = [[0.5, 0.51, 0.51], [0.49, 0.5, 0.99], [0.49, 0.01, 0.5]]
    game = PreferenceGame(P, names=["A", "B", "C"])
    measurements = measured("data_sensitivity", game, SOLVERS["rlhf_exact"](tau=1.0))
    rewards = {
        "A": (0.027, 0.184, -0.211),
        "B": (0.792, 0.961, -1.753),
        "C": (-0.725, 1.707, -0.981),
        "ref": (0.030, 0.722, -0.752),
    }
    for policy, r in rewards.items():
        soft = np.exp(r) / np.exp(r).sum()
        got = values(measurements, "probability", policy=policy)
        assert got == pytest.approx(soft.tolist(), abs=4e-4)


def test_consequences_are_judged_on_the_true_game() -> None:
    game = three_annotators()
    measurements = measured("data_sensitivity", game, exact("slhf_exact"), setting="estimated")
    # without {B, C} the answer moves to where it is no longer the maximin answer
    policy = values(measurements, "probability", pair=["B", "C"])
    V = np.array([0.4, 0.35, 0.25])
    assert values(measurements, "regret", pair=["B", "C"]) == pytest.approx([0.4 - V @ policy])
    gap = 2 * max(game.P @ policy) - 1
    assert values(measurements, "duality_gap", pair=["B", "C"]) == pytest.approx([gap])
    assert gap > 0.2


def test_many_pairs_are_thinned_and_counted() -> None:
    measurements = measured(
        "data_sensitivity", random_games(0, 1, 6), exact("slhf_exact"), most_pairs=4
    )
    missing = [m for m in measurements if m.labels["change"] == "missing" and m.metric == "shift"]
    assert len(missing) == 4
    assert {m.labels["pairs_in_all"] for m in missing} == {15}


@pytest.mark.parametrize(
    "params",
    [{"setting": "guessed"}, {"n_comparisons": 5}, {"setting": "estimated", "n_comparisons": 0}],
)
def test_parameters_are_checked(params: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="data_sensitivity"):
        EXPERIMENTS["data_sensitivity"](**params)


def test_only_a_finite_sample_draws() -> None:
    make = EXPERIMENTS["data_sensitivity"]
    assert not make().draws
    assert not make(setting="estimated").draws
    assert make(setting="estimated", n_comparisons=3).draws
