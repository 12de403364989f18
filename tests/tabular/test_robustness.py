"""Robustness: paths between games, and who jumps on them."""

from typing import Any

import numpy as np
import pytest

from games import Population, PreferenceGame, SpecError, measures
from solvers import SOLVERS
from tabular import EXPERIMENTS
from tests.measured import measured, values
from tests.paper_games import random_games, three_annotators

RLHF, NLHF = SOLVERS["rlhf_exact"](tau=0.0), SOLVERS["nlhf_exact"](tau=0.0)
SLHF = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.0)


def types_that_cycle() -> PreferenceGame:
    """three_types(0) with its user types; P is their majority."""
    utilities = [[0, 1, 0.5], [1, 0.5, 0], [0.5, 0, 1]]
    people = Population([0.5, 0.25, 0.25], utilities)
    tables = [0.5 + 0.5 * np.sign(np.subtract.outer(u, u)) for u in utilities]
    return PreferenceGame(np.tensordot([0.5, 0.25, 0.25], tables, 1), population=people)


def test_the_path_of_annotators_is_the_mixture_of_their_tables() -> None:
    game = types_that_cycle()
    measurements = measured("robustness", game, SLHF, path="annotators", points=5)
    for kind in range(3):
        for t in (0.25, 0.5):
            rest = [0.5, 0.25, 0.25]
            rest[kind] = 0
            mix = (1 - t) * np.array(rest) / sum(rest)
            mix[kind] = t
            utilities = game.population.utilities if game.population else np.empty(0)
            P = sum(
                m * (0.5 + 0.5 * np.sign(np.subtract.outer(u, u)))
                for m, u in zip(mix, utilities, strict=True)
            )
            mixture = PreferenceGame(P)
            policy = SLHF.solve(mixture).policy
            expected = measures.duality_gap(mixture, policy)
            got = values(measurements, "duality_gap", type=kind, t=t)
            assert got == pytest.approx([float(expected)])


def test_where_the_lottery_is_unique_finer_paths_shrink_the_steps_of_nash_only() -> None:
    """Three annotators without a majority of one: shares 1/3 to 1/2 of the first."""
    coarse: list[float] = []
    fine: list[float] = []
    for solver in (RLHF, NLHF, SLHF):
        for points, out in ((9, coarse), (65, fine)):
            shares = np.linspace(0.34, 0.49, points)
            path = PreferenceGame.stack(
                [three_annotators((a, 0.6 * (1 - a), 0.4 * (1 - a))) for a in shares]
            )
            policy = solver.solve(path).policy
            out.append(float(0.5 * abs(np.diff(policy, axis=0)).sum(-1).max()))
    assert coarse[1] / fine[1] == pytest.approx(8, rel=0.05)
    assert coarse[0] == fine[0] == 1
    assert coarse[2] == fine[2] == 1


def test_noise_reaches_the_solver_and_the_truth_judges() -> None:
    game = random_games(5, 1, 5).at(0)
    solver = SOLVERS["nlhf_exact"](tau=0.05)
    measurements = measured("robustness", game, solver, path="noise", points=3)
    noisy = PreferenceGame(0.5 * game.P + 0.25, game.ref)
    policy = solver.solve(noisy).policy
    assert values(measurements, "duality_gap", t=0.5) == pytest.approx(
        [float(measures.duality_gap(game, policy))]
    )
    first, middle, last = values(measurements, "shift")
    policy_at_zero = solver.solve(game).policy
    assert first == 0
    assert middle == pytest.approx(0.5 * abs(policy - policy_at_zero).sum())
    assert last == pytest.approx(0.5 * abs(game.ref - policy_at_zero).sum())
    assert values(measurements, "largest_shift") == pytest.approx(
        [max(middle, 0.5 * abs(policy - game.ref).sum())]
    )


def test_the_cyclic_path_runs_from_scores_to_cycles() -> None:
    game = random_games(6, 2, 5)
    measurements = measured(
        "robustness", game, SOLVERS["nlhf_exact"](tau=0.0), path="cyclic", points=11
    )
    shares = np.array(values(measurements, "cyclic_share")).reshape(11, 2)
    assert shares[0] == pytest.approx([0, 0], abs=1e-12)
    assert shares[-1] == pytest.approx([1, 1])
    assert (np.diff(shares, axis=0) > 0).all()
    assert max(values(measurements, "duality_gap")) <= 1e-9
    # at t = 1 all Borda scores are equal, so RLHF answers the reference
    C = measures.hodge_margins(game).cyclic
    size = abs(game.P - 0.5).max((-1, -2)) / abs(C).max((-1, -2))
    last = PreferenceGame(0.5 + size[:, None, None] * C, game.ref)
    bt = measured("robustness", game, SOLVERS["rlhf_exact"](tau=0.0), path="cyclic", points=11)
    gaps = np.array(values(bt, "duality_gap")).reshape(11, 2)
    assert gaps[0] == pytest.approx([0, 0], abs=1e-9)
    assert gaps[-1] == pytest.approx(measures.duality_gap(last, game.ref))
    assert (gaps[-1] > 0.02).all()


def test_what_does_not_apply_is_skipped_with_a_reason() -> None:
    r = np.array([0.0, 0.1, 0.2])
    no_cycle = PreferenceGame(0.5 + r[:, None] - r[None, :])
    for game, path in ((no_cycle, "cyclic"), (random_games(0, 1, 3), "annotators")):
        measurements = measured("robustness", game, NLHF, path=path)
        assert [m.status for m in measurements] == ["skipped"]
        assert measurements[0].message


@pytest.mark.parametrize("params", [{"path": "around"}, {"points": 1}])
def test_parameters_are_checked(params: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="robustness"):
        EXPERIMENTS["robustness"](**params)
