"""Robustness: paths between games, and who jumps on them."""

from typing import Any

import numpy as np
import pytest

from games import Population, PreferenceGame, SpecError, measures
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS, Measurement
from tests.paper_games import generators, random_games, three_annotators, three_types


def measured(game: PreferenceGame, solver: Solver, **params: Any) -> list[Measurement]:
    return list(EXPERIMENTS["robustness"](**params).measure(game, solver, generators))


def values(found: list[Measurement], metric: str, **labels: object) -> list[float]:
    return [m.value for m in found if m.metric == metric and labels.items() <= m.labels.items()]


RLHF, NLHF = SOLVERS["rlhf_exact"](tau=0.0), SOLVERS["nlhf_exact"](tau=0.0)
SLHF = SOLVERS["slhf_exact"](tau_leader=0.0, tau_follower=0.0)


@pytest.mark.parametrize("epsilon", [0.1, 0.01])
def test_rlhf_and_slhf_jump_with_the_population_and_nash_does_not(epsilon: float) -> None:
    plus, minus = three_types(epsilon), three_types(-epsilon)
    nash = [NLHF.solve(game).policy for game in (plus, minus)]
    e = epsilon
    assert nash[0] == pytest.approx([1 / 3 + e / 2, 1 / 3 + e / 2, 1 / 3 - e], abs=1e-12)
    assert nash[1] == pytest.approx([1 / 3 - e / 2, 1 / 3 - e / 2, 1 / 3 + e], abs=1e-12)
    assert RLHF.solve(plus).policy == pytest.approx([1, 0, 0])
    assert RLHF.solve(minus).policy == pytest.approx([0, 1, 0])
    assert SLHF.solve(plus).policy == pytest.approx([1, 0, 0])
    assert SLHF.solve(minus).policy == pytest.approx([0, 0.5, 0.5])


def types_that_cycle() -> PreferenceGame:
    """three_types(0) with its user types; P is their majority."""
    utilities = [[0, 1, 0.5], [1, 0.5, 0], [0.5, 0, 1]]
    people = Population([0.5, 0.25, 0.25], utilities)
    tables = [0.5 + 0.5 * np.sign(np.subtract.outer(u, u)) for u in utilities]
    return PreferenceGame(np.tensordot([0.5, 0.25, 0.25], tables, 1), population=people)


def test_the_path_of_annotators_is_the_mixture_of_their_tables() -> None:
    game = types_that_cycle()
    found = measured(game, SLHF, path="annotators", points=5)
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
            there = PreferenceGame(P)
            policy = SLHF.solve(there).policy
            expected = measures.duality_gap(there, policy)
            got = values(found, "duality_gap", type=kind, t=t)
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


def test_noise_is_seen_by_the_solver_and_judged_on_the_truth() -> None:
    game = random_games(5, 1, 5).at(0)
    solver = SOLVERS["nlhf_exact"](tau=0.05)
    found = measured(game, solver, path="noise", points=3)
    noisy = PreferenceGame(0.5 * game.P + 0.25, game.ref)
    policy = solver.solve(noisy).policy
    assert values(found, "duality_gap", t=0.5) == pytest.approx(
        [float(measures.duality_gap(game, policy))]
    )
    first, middle, last = values(found, "shift")
    own = solver.solve(game).policy
    assert first == 0
    assert middle == pytest.approx(0.5 * abs(policy - own).sum())
    assert last == pytest.approx(0.5 * abs(game.ref - own).sum())
    assert values(found, "largest_shift") == pytest.approx(
        [max(middle, 0.5 * abs(policy - game.ref).sum())]
    )


def test_the_cyclic_path_runs_from_scores_to_cycles() -> None:
    game = random_games(6, 2, 5)
    found = measured(game, SOLVERS["nlhf_exact"](tau=0.0), path="cyclic", points=11)
    shares = np.array(values(found, "cyclic_share")).reshape(11, 2)
    assert shares[0] == pytest.approx([0, 0], abs=1e-12)
    assert shares[-1] == pytest.approx([1, 1])
    assert (np.diff(shares, axis=0) > 0).all()
    assert max(values(found, "duality_gap")) <= 1e-9
    # at t = 1 all Borda scores are equal, so RLHF answers the reference
    C = measures.hodge_margins(game).cyclic
    size = abs(game.P - 0.5).max((-1, -2)) / abs(C).max((-1, -2))
    last = PreferenceGame(0.5 + size[:, None, None] * C, game.ref)
    bt = measured(game, SOLVERS["rlhf_exact"](tau=0.0), path="cyclic", points=11)
    gaps = np.array(values(bt, "duality_gap")).reshape(11, 2)
    assert gaps[0] == pytest.approx([0, 0], abs=1e-9)
    assert gaps[-1] == pytest.approx(measures.duality_gap(last, game.ref))
    assert (gaps[-1] > 0.02).all()


def test_what_does_not_apply_is_skipped_with_a_reason() -> None:
    r = np.array([0.0, 0.1, 0.2])
    no_cycle = PreferenceGame(0.5 + r[:, None] - r[None, :])
    for game, path in ((no_cycle, "cyclic"), (random_games(0, 1, 3), "annotators")):
        found = measured(game, NLHF, path=path)
        assert [m.status for m in found] == ["skipped"]
        assert found[0].message


def test_undefined_points_are_rows_and_the_rest_goes_on() -> None:
    found = measured(three_annotators(), RLHF, path="annotators", points=5)
    ends = [m for m in found if m.metric == "duality_gap" and m.labels["t"] == 1]
    assert {m.status for m in ends} == {"undefined"}
    assert all("infinite" in m.message for m in ends)
    inner = [m for m in found if m.metric == "duality_gap" and m.labels["t"] == 0.5]
    assert {m.status for m in inner} == {"ok"}


@pytest.mark.parametrize("params", [{"path": "around"}, {"points": 1}])
def test_parameters_are_checked(params: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="robustness"):
        EXPERIMENTS["robustness"](**params)
