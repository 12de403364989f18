"""Robustness: paths between games, and who jumps on them."""

from typing import Any

import numpy as np
import pytest

from games import Population, PreferenceGame, SpecError, measures
from solvers import SOLVERS
from solvers.rlhf_exact import RlhfExact
from tabular import EXPERIMENTS, MatchedKl, Measurement, robustness
from tabular.robustness_data import (
    Drawn,
    adversarial_flips,
    by_raters,
    estimated,
    label_by_label,
    random_flips,
)
from tabular.robustness_paths import PATHS
from tests.measured import measured, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import generators, random_games, three_annotators

FLIPS = ("random_flips", "adversarial_flips")
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


def test_bad_labels_reach_the_solver_and_the_truth_judges() -> None:
    game = random_games(5, 1, 5).at(0)
    solver = SOLVERS["nlhf_exact"](tau=0.05)
    measurements = measured("robustness", game, solver, path="random_raters", points=3)
    noisy = PreferenceGame(0.5 * game.P + 0.25, game.ref)
    policy = solver.solve(noisy).policy
    gap = float(measures.duality_gap(game, policy))
    assert values(measurements, "duality_gap", t=0.5) == pytest.approx([gap])
    assert abs(gap - float(measures.duality_gap(noisy, policy))) > 0.01
    first, middle, last = values(measurements, "shift")
    policy_at_zero = solver.solve(game).policy
    assert first == 0
    assert middle == pytest.approx(0.5 * abs(policy - policy_at_zero).sum())
    assert last == pytest.approx(0.5 * abs(game.ref - policy_at_zero).sum())
    assert values(measurements, "largest_shift") == pytest.approx(
        [max(middle, 0.5 * abs(policy - game.ref).sum())]
    )


@pytest.mark.parametrize("name", ["rlhf_exact", "nlhf_exact", "slhf_exact"])
def test_regret_is_the_loss_in_the_own_objective_on_the_true_game(name: str) -> None:
    game, tau = random_games(5, 2, 4), 0.2
    solver = SOLVERS[name]().at_tau(tau)
    measurements = measured("robustness", game, solver, path="one_sided", points=3)
    lost = np.zeros((2, 4, 4))
    lost[:, 1] = game.P[:, 1] / 4
    lost[:, 1, 1] = 0
    P = game.P - lost + np.swapaxes(lost, -1, -2)
    policy = solver.solve(PreferenceGame(P, game.ref)).policy
    if name == "nlhf_exact":
        expected = measures.duality_gap(game, policy, tau) / 2
    else:
        payoff = measures.follower_values(game, tau)
        if name == "rlhf_exact":
            payoff = RlhfExact().rewards(game)
        best = solver.solve(game).policy
        expected = np.array(
            [
                (best[k] - policy[k]) @ payoff[k]
                - tau * (best[k] @ np.log(best[k] / game.ref[k]))
                + tau * (policy[k] @ np.log(policy[k] / game.ref[k]))
                for k in range(2)
            ]
        )
    got = values(measurements, "regret", t=0.5, action="1")
    assert got == pytest.approx(list(expected), abs=1e-9)
    assert max(got) > 2e-3
    assert values(measurements, "regret", t=0.0, action="1") == pytest.approx([0, 0], abs=1e-9)


def test_at_equal_kl_the_weights_found_on_the_true_game_judge() -> None:
    game = random_games(5, 1, 4).at(0)
    matched = MatchedKl(SOLVERS["nlhf_exact"], 0.1)
    tau = matched.solve(game).tau
    assert tau is not None
    for n in (None, 400):
        rows = measured("robustness", game, matched, path="hard", points=3, n_comparisons=n)
        losses = values(rows, "regret")
        clean = float(measures.duality_gap(game, matched.solve(game).policy, float(tau)) / 2)
        if n is None:
            assert losses[0] == pytest.approx(clean, abs=1e-8)
            noisy = PreferenceGame(
                0.5 + (game.P - 0.5) * (1 - 0.5 * (1 - 2 * abs(game.P - 0.5))), game.ref
            )
            policy = matched.solve(noisy).policy
            expected = float(measures.duality_gap(game, policy, float(tau)) / 2)
            assert losses[1] == pytest.approx(expected, abs=1e-8)
        else:
            assert min(losses) > 1e-5
    on_path = measured("robustness", game, matched, path="cyclic", points=3, end=0.8)
    assert values(on_path, "regret") == pytest.approx([0, 0, 0], abs=1e-7)


def test_the_cyclic_path_runs_from_scores_to_cycles() -> None:
    game = random_games(6, 2, 5)
    nash = SOLVERS["nlhf_exact"](tau=0.0)
    measurements = measured("robustness", game, nash, path="cyclic", points=11)
    shares = np.array(values(measurements, "cyclic_share")).reshape(11, 2)
    expected = np.broadcast_to(np.linspace(0, 1, 11)[:, None], (11, 2))
    assert shares == pytest.approx(expected, abs=1e-12)
    assert max(values(measurements, "duality_gap")) <= 1e-9
    # at t = 1 all Borda scores are equal, so RLHF answers the reference
    T_part = game.P - 0.5 - measures.hodge_margins(game).cyclic
    sizes = [((part) ** 2).sum((1, 2), keepdims=True) ** 0.5
             for part in (game.P - 0.5, T_part, game.P - 0.5 - T_part)]  # fmt: skip
    T_part, C_part = T_part * sizes[0] / sizes[1], (game.P - 0.5 - T_part) * sizes[0] / sizes[2]
    scale = np.minimum(1, 0.49 / np.sqrt(T_part**2 + C_part**2).max((1, 2), keepdims=True))
    last = PreferenceGame(0.5 + scale * C_part, game.ref)
    bt = measured("robustness", game, SOLVERS["rlhf_exact"](tau=0.0), path="cyclic", points=11)
    gaps = np.array(values(bt, "duality_gap")).reshape(11, 2)
    assert gaps[0] == pytest.approx([0, 0], abs=1e-9)
    assert gaps[-1] == pytest.approx(measures.duality_gap(last, game.ref))
    assert (gaps[-1] > 0.02).all()
    # with uniform pairs RLHF at tau = 0 does not move before it ties
    shift = np.array(values(bt, "shift")).reshape(11, 2)
    assert (shift[:10] == 0).all()
    assert (shift[10] > 0.1).all()


@pytest.mark.parametrize("name", ["rlhf_exact", "nlhf_exact", "slhf_exact"])
@pytest.mark.parametrize("path", [name for name in PATHS if name not in (*FLIPS, "annotators")])
def test_contexts_are_solved_as_if_each_were_alone(name: str, path: str) -> None:
    game = random_games(4, 2, 3)
    solver = SOLVERS[name]().at_tau(0.1)
    together = measured("robustness", game, solver, path=path, points=3)
    for k in range(2):
        alone = measured("robustness", game.at((k,)), solver, path=path, points=3)
        for metric in ("shift", "duality_gap", "regret", "largest_shift"):
            ours = [m.value for m in together if m.metric == metric and m.context == k]
            assert ours == pytest.approx(values(alone, metric), abs=1e-10)


# --- finite data ---


@pytest.mark.parametrize("path", list(PATHS))
def test_finite_data_are_the_same_for_every_solver_and_begin_clean(path: str) -> None:
    game = types_that_cycle() if path == "annotators" else random_games(3, 2, 4)
    params: dict[str, Any] = {"path": path, "points": 3, "n_comparisons": 40, "flips": 6}
    rows = {
        name: measured("robustness", game, SOLVERS[name]().at_tau(0.3), **params)
        for name in ("rlhf_exact", "nlhf_exact", "slhf_exact")
    }
    shares = np.array([values(rows[name], "cyclic_share") for name in rows])
    if path != "adversarial_flips":  # each method has its own adversary
        assert (shares[1] == shares[2]).all()
        assert ((shares[0] == shares[1]) | np.isnan(shares[0])).all()
    clean = measured("robustness", game, SLHF, **{**params, "path": "hard"})
    again = measured("robustness", game, SLHF, **params)
    if PATHS[path].judged_by == "truth":
        for metric in ("duality_gap", "cyclic_share", "leader_value"):
            begin = values(clean, metric, t=0.0)
            got = values(again, metric, t=0.0)
            assert got[: len(begin)] == begin
            assert got == begin * (len(got) // len(begin))
    for m in again:
        assert m.labels["n_comparisons"] == 40
        assert set(PATHS[path].parameters) <= set(m.labels)
    assert set(values(rows["nlhf_exact"], "shift", t=0.0)) == {0.0}


def test_more_comparisons_come_nearer_to_the_closed_form() -> None:
    game = random_games(3, 3, 4)
    solver = SOLVERS["nlhf_exact"](tau=0.2)
    for path in ("hard", "position", "random_raters", "reversed_raters"):
        exact = values(measured("robustness", game, solver, path=path, points=3), "duality_gap")
        errors = []
        for n in (30, 30_000):
            params: dict[str, Any] = {"path": path, "points": 3, "n_comparisons": n, "raters": n}
            finite = values(measured("robustness", game, solver, **params), "duality_gap")
            errors.append(max(abs(np.subtract(finite, exact))))
        assert errors[0] > 4 * errors[1]
        assert errors[1] < 0.02


def test_rlhf_leaves_out_pairs_that_were_never_compared() -> None:
    game = random_games(3, 1, 4).at(0)
    rows = measured("robustness", game, RLHF, path="hard", points=2, n_comparisons=4)
    undefined = [m for m in rows if m.metric == "duality_gap"]
    assert {m.status for m in undefined} == {"undefined"}
    assert "Bradley-Terry maximum" in undefined[0].message
    filled = measured("robustness", game, SLHF, path="hard", points=2, n_comparisons=4)
    assert {m.status for m in filled} == {"ok"}


def test_the_adversary_moves_each_method_further_than_chance() -> None:
    game = random_games(13, 4, 4)
    for solver in (RLHF, NLHF, SLHF):
        params: dict[str, Any] = {"points": 5, "n_comparisons": 200, "flips": 20}
        worst, chance = (
            np.array(values(measured("robustness", game, solver, path=path, **params), "shift"))
            for path in ("adversarial_flips", "random_flips")
        )
        worst, chance = worst.reshape(5, 4), chance.reshape(5, 4)
        assert (np.diff(worst, axis=0) >= -1e-9).all()
        assert worst[-1].mean() > chance[-1].mean() + 0.2


def test_the_path_may_end_early() -> None:
    rows = measured("robustness", random_games(1, 1, 3).at(0), SLHF, path="hard", points=3, end=0.4)
    assert [m.labels["t"] for m in rows if m.metric == "shift"] == [0.0, 0.2, 0.4]


def test_what_does_not_apply_is_skipped_with_a_reason() -> None:
    r = np.array([0.0, 0.1, 0.2])
    no_cycle = PreferenceGame(0.5 + r[:, None] - r[None, :])
    for game, path in ((no_cycle, "cyclic"), (random_games(0, 1, 3), "annotators")):
        measurements = measured("robustness", game, NLHF, path=path)
        assert [m.status for m in measurements] == ["skipped"]
        assert measurements[0].message


@pytest.mark.parametrize(
    "params",
    [
        {"path": "around"}, {"path": "noise"}, {"points": 1}, {"end": 0.0}, {"end": 1.5},
        {"n_comparisons": 0}, {"raters": 0}, {"bonus": -1.0}, {"path": "random_flips"},
        {"path": "adversarial_flips", "n_comparisons": 10, "flips": 11},
    ],
)  # fmt: skip
def test_parameters_are_checked(params: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="robustness"):
        EXPERIMENTS["robustness"](**params)


def test_only_finite_data_are_drawn() -> None:
    make = EXPERIMENTS["robustness"]
    assert not make().draws
    assert not make(path="random_raters").draws
    assert make(path="cyclic", n_comparisons=30).draws


# --- planted bugs ---


def check(module: Any) -> None:
    """One path of each sort, against the answers to its games by hand."""
    game = random_games(5, 1, 4).at(0)
    solver = SOLVERS["nlhf_exact"](tau=0.1)
    make = module.Robustness

    def rows(**params: Any) -> list[Measurement]:
        return list(make(points=3, **params).measure(game, solver, generators))

    clean, noisy = (solver.solve(PreferenceGame(P, game.ref)).policy
                    for P in (game.P, 0.5 * game.P + 0.25))  # fmt: skip
    got = rows(path="random_raters")
    for metric, value in {
        "duality_gap": measures.duality_gap(game, noisy),
        "worst_win_rate": measures.worst_win_rate(game, noisy),
        "leader_value": measures.leader_value(game, noisy),
        "regret": measures.duality_gap(game, noisy, 0.1) / 2,
        "shift": abs(noisy - clean).sum() / 2,
        "cyclic_share": measures.hodge_margins(game).cyclic_share,
    }.items():
        assert np.allclose(values(got, metric, t=0.5), value, atol=1e-9), metric
    steps = [abs(noisy - clean).sum() / 2, abs(noisy - game.ref).sum() / 2]
    assert np.allclose(values(got, "largest_shift"), max(steps))
    assert np.allclose(values(rows(path="cyclic"), "regret"), 0, atol=1e-9)
    early = values(rows(path="random_raters", end=0.5), "duality_gap")
    assert np.isclose(early[-1], measures.duality_gap(game, noisy))
    rng = generators("data", 50)
    drawn = Drawn.of(game, 50, rng)
    tables = np.stack([0.5 + (game.P - 0.5) * (1 - t * (1 - 2 * abs(game.P - 0.5)))
                       for t in (0, 0.5, 1)])  # fmt: skip
    by_hand: dict[str, Any] = {
        "random_flips": random_flips(drawn, np.array([0, 4, 8])),
        "hard": label_by_label(drawn, tables),
        "random_raters": by_raters(drawn, np.array([0, 0.5, 1]), 5, False, generators_after(50)),
        "reversed_raters": by_raters(drawn, np.array([0, 0.5, 1]), 5, True, generators_after(50)),
        "adversarial_flips": adversarial_flips(
            drawn.wins(drawn.labels(game.P)),
            np.array([0, 4, 8]),
            lambda wins: solver.solve(estimated(game, wins)).policy,
        ),
    }
    for path, wins in by_hand.items():
        policy = solver.solve(estimated(game, wins)).policy
        got = rows(path=path, n_comparisons=50, flips=8, raters=5)
        assert np.allclose(values(got, "duality_gap"), measures.duality_gap(game, policy)), path
        losses = measures.duality_gap(game, policy, 0.1) / 2
        assert np.allclose(values(got, "regret"), losses, atol=1e-9), path


def generators_after(n: int) -> np.random.Generator:
    """The generator of the data after the comparisons were drawn."""
    rng = generators("data", n)
    Drawn.of(random_games(5, 1, 4).at(0), n, rng)
    return rng


MUTANTS = mutants({
    robustness: [
        ("along(game, P)", "along(game, 1 - P)"),
        ("np.linspace(0, self.end, self.points)", "np.linspace(0, 1, self.points)"),
        ('judged = tables if path.judged_by == "t" else game', "judged = tables"),
        ('judged = tables if path.judged_by == "t" else game', "judged = game"),
        ('rng_for("data", self.n_comparisons)', 'rng_for("solver", self.n_comparisons)'),
        ("np.rint(self._t * self.flips)", "np.rint(self._t * self.flips / 2)"),
        ('self.path == "reversed_raters", rng', 'self.path != "reversed_raters", rng'),
        ('self.path == "random_flips"', 'self.path == "adversarial_flips"'),
        ("self._t, self.raters", "self._t, 1"),
        ("measures.duality_gap(judged, policy)", "measures.duality_gap(observed, policy)"),
        ("measures.worst_win_rate(judged, policy)", "measures.worst_win_rate(observed, policy)"),
        ("measures.leader_value(judged, policy)", "measures.leader_value(observed, policy)"),
        ("total_variation(policy, policy[:1])", "total_variation(policy, policy[-1:])"),
        ("hodge_margins(observed)", "hodge_margins(along(game, 0 * observed.P + 0.5))"),
        ("[loss(p) for p in policies]", "[loss(policies[0]) for p in policies]"),
        ("regret(solver, judged, best)", "regret(solver.at_tau(0.2), judged, best)"),
        ("total_variation(policy[1:], policy[:-1])", "total_variation(policy[1:], policy[:1])"),
        ("-np.inf, steps).max(0)", "-np.inf, steps).min(0)"),
    ]
})  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_planted_bug_shows(mutant: Mutant) -> None:
    assert_noticed(mutant, check)
