"""Lotteries at tau = 0: linear programmes and projections by other routes, ties, degeneracy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.optimize import linprog, minimize

from benchmarks.matrix import game_generator
from games import PreferenceGame, SolverError, measures
from games.catalogue import make
from games.catalogue.clones import clones
from games.game import Float
from solvers.exact.maximal_lottery import maximal_lottery
from solvers.exact.unique_lotteries import unique_lotteries
from solvers.nlhf_exact import NlhfExact
from tests.paper_games import three_annotators
from tests.strategies import LAW, games, table, tournament

TIED = st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.5, 0.7, 1.0])
EXACT: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def lottery(game: PreferenceGame) -> Float:
    """The answer of a game, certified, and by linear programmes where it was found without them."""
    solution = NlhfExact(tau=0).solve(game)
    assert solution.certificate.holds
    assert solution.certificate.residual <= 1e-9
    if unique_lotteries(game.P[None])[1]:
        programmes, residual = maximal_lottery(game.P, game.ref)
        np.testing.assert_allclose(programmes, solution.policy, rtol=0, atol=1e-12)
        assert residual == 0
    return solution.policy


def cheapest(game: PreferenceGame, cost: Float) -> Float:
    """A maximal lottery (P' p >= 1/2) of least cost; answers of infinite cost are ruled out."""
    use = np.isfinite(cost)
    ones = np.ones((1, int(use.sum())))
    result = linprog(cost[use], -game.P.T[:, use], np.full(game.n, -0.5), ones, [1], options=EXACT)
    assert result.status == 0
    p = np.zeros(game.n)
    p[use] = result.x
    return p


@LAW
@given(games(TIED, max_n=6))
def test_nearest_to_the_reference_among_all_lotteries(game: PreferenceGame) -> None:
    """p is the KL projection iff it minimises the linear form log(p / ref) among lotteries."""
    p = lottery(game)
    assert (game.P @ p).max() <= 0.5 + 1e-12
    for i in range(game.n):
        if p[i] == 0:
            assert cheapest(game, -np.eye(game.n)[i])[i] <= 1e-8
    with np.errstate(divide="ignore"):
        form = np.log(p / game.ref)
    form[p == 0] = np.inf
    other = cheapest(game, form)
    assert p[p > 0] @ form[p > 0] <= other[p > 0] @ form[p > 0] + 1e-8


FLAT = np.full((3, 3), 0.5)
DEGENERATE: dict[str, tuple[Float, list[float]]] = {
    "no preference": (FLAT, [0.2, 0.5, 0.3]),
    "weak winner": (table(np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.2, 0]])), [0.2, 0.6, 0.2]),
    "outsider binds": (table(np.array([[0, 0, 0], [0.5, 0, 0], [0.4, 0.9, 0]])), [0.1, 0.8, 0.1]),
    "outsider is slack": (
        table(np.array([[0, 0, 0], [0.5, 0, 0], [0.4, 0.9, 0]])),
        [0.8, 0.1, 0.1],
    ),
    "cloned cycle": (
        table(np.array([[0] * 4, [0.1, 0, 0, 0], [0.7, 0.2, 0, 0], [0.7, 0.2, 0.5, 0]])),
        [0.2, 0.5, 0.05, 0.25],
    ),
    "two pairs that tie": (
        table(np.array([[0] * 4, [0.5, 0, 0, 0], [0.5, 0.3, 0, 0], [0.1, 0.5, 0.5, 0]])),
        [0.1, 0.3, 0.2, 0.4],
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_general_projection_agrees(name: str) -> None:
    game = PreferenceGame(*DEGENERATE[name])
    p = lottery(game)
    rng = np.random.default_rng(0)
    vertices = np.array([cheapest(game, rng.normal(size=game.n)) for _ in range(40)])

    def mixture(logits: Float) -> Float:
        return np.asarray(special.softmax(logits) @ vertices)

    def distance(logits: Float) -> float:
        return float(special.rel_entr(mixture(logits), game.ref).sum())

    result = minimize(distance, np.zeros(len(vertices)), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(mixture(result.x), p, atol=1e-4)
    assert special.rel_entr(p, game.ref).sum() <= result.fun + 1e-12


def test_maximising_the_value_gives_the_same_unique_lottery() -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 6, 15):
        game = PreferenceGame(table(rng.uniform(size=(n, n))))
        # max v subject to p' P >= v
        columns = np.hstack([-game.P.T, np.ones((n, 1))])
        cost, simplex = np.append(np.zeros(n), -1.0), np.append(np.ones(n), 0.0)[None, :]
        result = linprog(cost, columns, np.zeros(n), simplex, [1])
        assert result.x is not None
        assert result.x[n] == pytest.approx(0.5)
        np.testing.assert_allclose(lottery(game), result.x[:n], atol=1e-8)


def test_no_preference_gives_the_reference() -> None:
    ref = np.array([1e-12, 0.2, 0.3, 0.5 - 1e-12])
    np.testing.assert_allclose(lottery(PreferenceGame(np.full((4, 4), 0.5), ref)), ref, rtol=1e-9)
    noise = np.random.default_rng(0).normal(size=(4, 4)) * 1e-14
    game = PreferenceGame(table(0.5 + noise), ref)
    np.testing.assert_allclose(lottery(game), ref, rtol=1e-9)


def test_clones_share_by_the_reference() -> None:
    cycle = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]])
    who = [0, 1, 2, 2, 0]
    ref = np.array([0.1, 0.3, 0.2, 0.15, 0.25])
    whole = lottery(PreferenceGame(cycle))
    np.testing.assert_allclose(whole, np.array([0.3, 0.2, 0.4]) / 0.9)
    game = PreferenceGame(cycle[np.ix_(who, who)], ref)
    expected = [whole[0] * 0.1 / 0.35, whole[1], whole[2] * 0.2 / 0.35, whole[2] * 0.15 / 0.35,
                whole[0] * 0.25 / 0.35]  # fmt: skip
    np.testing.assert_allclose(lottery(game), expected, rtol=1e-12)


def test_two_cycles_that_tie_share_by_the_reference_and_their_own_shape() -> None:
    """The nearest w a + (1 - w) b has w / (1 - w) = exp(KL(b | ref) - KL(a | ref))."""
    a, b = np.array([0.3, 0.2, 0.4]) / 0.9, np.array([0.45, 0.25, 0.1]) / 0.8
    P = np.full((6, 6), 0.5)
    cycles = [(0, 1, 0.4), (1, 2, 0.3), (2, 0, 0.2), (3, 4, 0.1), (4, 5, 0.45), (5, 3, 0.25)]
    for i, j, margin in cycles:
        P[i, j], P[j, i] = 0.5 + margin, 0.5 - margin
    ref = np.array([0.3, 0.05, 0.1, 0.25, 0.2, 0.1])
    odds = np.exp(special.rel_entr(b, ref[3:]).sum() - special.rel_entr(a, ref[:3]).sum())
    w = odds / (1 + odds)
    expected = np.append(w * a, (1 - w) * b)
    assert abs(P[:3, :3] @ a - 0.5).max() < 1e-15
    assert abs(P[3:, 3:] @ b - 0.5).max() < 1e-15
    np.testing.assert_allclose(lottery(PreferenceGame(P, ref)), expected, rtol=1e-10)


def test_weak_condorcet_winners_share_what_nobody_else_can_have() -> None:
    P = table(np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.2, 0]]))
    # 0 ties with all; 1 beats 2: the lotteries are the mixtures of 0 and 1
    np.testing.assert_allclose(lottery(PreferenceGame(P, [0.2, 0.6, 0.2])), [0.25, 0.75, 0])


def test_an_outside_answer_that_binds() -> None:
    """0 and 1 tie; 2 beats 1 by m and loses to 0 by k: p_1 m <= p_0 k."""
    m, k = 0.4, 0.1
    P = np.array([[0.5, 0.5, 0.5 + k], [0.5, 0.5, 0.5 - m], [0.5 - k, 0.5 + m, 0.5]])
    free = PreferenceGame(P, [0.88, 0.02, 0.1])
    np.testing.assert_allclose(lottery(free), [0.88 / 0.9, 0.02 / 0.9, 0], rtol=1e-12)
    bound = PreferenceGame(P, [0.1, 0.8, 0.1])
    solution = NlhfExact(tau=0).solve(bound)
    np.testing.assert_allclose(solution.policy, [m / (m + k), k / (m + k), 0], rtol=1e-10)
    assert bound.win_rates(solution.policy)[2] == pytest.approx(0.5, abs=1e-12)
    # the regularised equilibria go there too, if slowly: 2 keeps a share of order tau
    errors = [abs(NlhfExact(t).solve(bound).policy - solution.policy).max() for t in (1e-3, 1e-5)]
    assert errors[1] < errors[0] / 20 < 1e-3


def tied_table(n: int, rng: np.random.Generator, share: float) -> Float:
    """Tenths, of which ``share`` are ties."""
    tenths = rng.integers(0, 11, (n, n)) / 10
    return table(np.where(rng.uniform(size=(n, n)) < share, 0.5, tenths))


@pytest.mark.parametrize("skew", [0, 12])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.95])
def test_tables_of_tenths_with_many_ties(share: float, skew: int) -> None:
    rng = np.random.default_rng([skew, int(100 * share)])
    for n in rng.integers(2, 16, 60):
        ref = 10.0 ** rng.uniform(-skew, 0, n) if skew else rng.dirichlet(np.ones(n))
        game = PreferenceGame(tied_table(n, rng, share), ref / ref.sum())
        p = lottery(game)
        assert 2 * (game.P @ p).max() - 1 <= 1e-9


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-8])
def test_small_margins_give_the_lottery_of_large_ones(scale: float) -> None:
    rng = np.random.default_rng(7)
    for n in (2, 3, 5, 9):
        margins = table(rng.choice([0.1, 0.25, 0.6, 0.85, 1.0], (n, n))) - 0.5
        ref = rng.dirichlet(np.ones(n))
        large = lottery(PreferenceGame(0.5 + margins, ref))
        small = lottery(PreferenceGame(0.5 + scale * margins, ref))
        np.testing.assert_allclose(small, large, atol=1e-15 / scale)


@pytest.mark.parametrize("margin", [1e-3, 1e-5, 1e-7])
def test_margins_of_very_unlike_size(margin: float) -> None:
    """A cycle with margins 1/4, 1/4 and a tiny one; its second answer hardly ever plays."""
    P = np.full((5, 5), 0.5)
    for i, j, m in [(0, 2, 0.25), (2, 3, 0.25), (3, 0, margin)]:
        P[i, j], P[j, i] = 0.5 + m, 0.5 - m
    ref = np.array([0.1, 0.3, 0.2, 0.1, 0.3])
    cycle = np.array([0.25, 0, margin, 0.25, 0]) / (0.5 + margin)
    rest = np.array([0, 0.5, 0, 0, 0.5])
    odds = np.exp(special.rel_entr(rest, ref).sum() - special.rel_entr(cycle, ref).sum())
    w = odds / (1 + odds)
    policy = lottery(PreferenceGame(P, ref))
    np.testing.assert_allclose(policy, w * cycle + (1 - w) * rest, rtol=1e-6, atol=1e-9)
    twice = [0, 0, 1, 2, 3, 4]
    halves = np.array([0.5, 0.5, 1, 1, 1, 1])
    again = lottery(PreferenceGame(P[np.ix_(twice, twice)], ref[twice] * halves))
    np.testing.assert_allclose(again, policy[twice] * halves, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n", [50, 101])
def test_large_tournaments(n: int) -> None:
    rng = np.random.default_rng(n)
    for P in (tournament(n, rng), table(rng.integers(0, 3, (n, n)) / 2), tied_table(n, rng, 0.9)):
        game = PreferenceGame(P, rng.dirichlet(np.ones(n)))
        p = lottery(game)
        assert p[~measures.smith_set(game)].sum() == 0


def test_above_five_hundred_answers_by_interior_point() -> None:
    n = 501
    rng = np.random.default_rng(0)
    P = table(rng.uniform(size=(n, n)))
    P[7], P[:, 7] = 0.9, 0.1
    P[7, 7] = 0.5
    assert lottery(PreferenceGame(P))[7] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("status", [1, 2, 3, 4])
def test_a_programme_that_is_not_solved_is_not_believed(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsolved:
        x = np.full(4, 0.25)

        def __init__(self) -> None:
            self.status, self.message = status, "no luck"

    monkeypatch.setattr(
        "solvers.exact.maximal_lottery.linprog", lambda *args, **options: Unsolved()
    )
    with pytest.raises(SolverError, match=rf"status {status} \(no luck\)"):
        NlhfExact(tau=0).solve(PreferenceGame(FLAT))


def test_a_thin_set_of_lotteries_is_not_called_empty() -> None:
    game = make({"name": "disc"}, game_generator("disc", "{}", 15))
    copied = clones(game, action=8, copies=2)  # HiGHS with presolve: infeasible
    solution = NlhfExact(tau=0).solve(copied)
    assert solution.certificate.holds
    whole = NlhfExact(tau=0).solve(game).policy
    merged = np.delete(solution.policy, 9)
    merged[8] += solution.policy[9]
    np.testing.assert_allclose(merged, whole, atol=1e-12)


def test_each_context_of_a_batch_on_its_own() -> None:
    rng = np.random.default_rng(5)
    P = np.stack([tied_table(5, rng, share) for share in np.linspace(0, 1, 12)]).reshape(3, 4, 5, 5)
    ref = rng.dirichlet(np.ones(5), (3, 4))
    together = NlhfExact(tau=0).solve(PreferenceGame(P, ref))
    assert together.certificate.residual.shape == (3, 4)
    for where in np.ndindex(3, 4):
        alone = NlhfExact(tau=0).solve(PreferenceGame(P[where], ref[where]))
        np.testing.assert_array_equal(together.log_policy[where], alone.log_policy)


def test_a_failed_programme_stops_its_own_context_only(monkeypatch: pytest.MonkeyPatch) -> None:
    tied = [PreferenceGame(*DEGENERATE[name]) for name in ("weak winner", "outsider binds")]
    game = PreferenceGame.stack([*tied, three_annotators()])
    good = NlhfExact(0.0).solve(game).policy
    calls: list[int] = []

    def broken(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        result = linprog(*arguments, **options)
        result.status = 4 if len(calls) <= 2 else result.status  # with presolve and without
        return result

    monkeypatch.setattr("solvers.exact.maximal_lottery.linprog", broken)
    solution = NlhfExact(0.0).solve(game)
    assert solution.status.tolist() == ["error", "ok", "ok"]
    assert "status 4" in solution.message[0]
    assert solution.message[1:].tolist() == ["", ""]
    assert np.isnan(solution.policy[0]).all()
    assert np.isnan(solution.certificate.residual[0])
    np.testing.assert_array_equal(solution.policy[1:], good[1:])
    calls.clear()
    with pytest.raises(SolverError, match="status 4"):
        NlhfExact(0.0).solve(game.at(0))
