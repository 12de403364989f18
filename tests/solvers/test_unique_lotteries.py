"""Lotteries found in a batch: by hand, by linear programmes, and never where there are more."""

from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from games import PreferenceGame, SolverError
from games.game import Float
from solvers.exact import unique_lotteries
from solvers.exact.maximal_lottery import maximal_lottery
from solvers.nlhf_exact import NlhfExact
from tests.mutants import Mutant, assert_noticed, mutants
from tests.strategies import ANY, LAW, games, table, tournament

TIED = st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.5, 0.7, 1.0])
CYCLE = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]])
CLONES = CYCLE[np.ix_([0, 0, 1, 2, 2], [0, 0, 1, 2, 2])]


def share_of_each(P: Float, sign: int) -> Float:
    """The least (sign = 1) or largest (-1) share of each answer in a maximal lottery."""
    n = len(P)
    shares = np.zeros(n)
    for i in range(n):
        cost, ones = sign * np.eye(n)[i], np.ones((1, n))
        result: Any = linprog(cost, P, np.full(n, 0.5), ones, [1])
        assert result.status == 0
        shares[i] = result.x[i]
    return shares


@LAW
@given(games(st.one_of(TIED, ANY), max_n=6))
def test_what_is_accepted_is_the_only_lottery(game: PreferenceGame) -> None:
    (policy,), (unique,) = unique_lotteries.unique_lotteries(game.P[None])
    programmes, residual = maximal_lottery(game.P, game.ref)
    if unique:
        np.testing.assert_allclose(policy, programmes, rtol=0, atol=1e-12)
        assert residual == 0
        for sign in (1, -1):
            np.testing.assert_allclose(share_of_each(game.P, sign), policy, rtol=0, atol=1e-6)
    solution = NlhfExact(0.0).solve(game)
    assert solution.status == "ok"
    np.testing.assert_allclose(solution.policy, programmes, rtol=0, atol=1e-12)


@LAW
@given(games(TIED, max_n=6))
def test_a_coarse_game_is_accepted_exactly_where_no_share_can_vary(game: PreferenceGame) -> None:
    _, (unique,) = unique_lotteries.unique_lotteries(game.P[None])
    spread = share_of_each(game.P, -1) - share_of_each(game.P, 1)
    assert unique == (spread.max() < 1e-6)


@LAW
@given(games(TIED, min_n=2, batch=(6,)))
def test_both_routes_give_the_same_solution(game: PreferenceGame) -> None:
    both = NlhfExact(0.0).solve(game)
    with pytest.MonkeyPatch.context() as patch:
        none = np.full(game.ref.shape, 9.0), np.zeros(6, dtype=bool)
        patch.setattr("solvers.nlhf_exact.unique_lotteries", lambda P: none)
        programmes = NlhfExact(0.0).solve(game)
    np.testing.assert_allclose(both.policy, programmes.policy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        both.certificate.residual, programmes.certificate.residual, rtol=0, atol=1e-12
    )
    assert both.certificate.condition == programmes.certificate.condition
    assert both.certificate.tolerance == programmes.certificate.tolerance
    np.testing.assert_array_equal(both.status, programmes.status)
    np.testing.assert_array_equal(both.message, programmes.message)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 20, 64])
def test_every_game_without_ties_is_accepted_and_a_batch_is_a_loop(n: int) -> None:
    rng = np.random.default_rng(n)
    P = np.stack([table(rng.uniform(size=(n, n))) for _ in range(20)])
    policy, unique = unique_lotteries.unique_lotteries(P)
    assert unique.all()
    assert n < 5 or len(set((policy > 0).sum(-1))) > 1, "supports of several sizes"
    for k in range(20):
        alone, accepted = unique_lotteries.unique_lotteries(P[k : k + 1])
        assert accepted
        np.testing.assert_array_equal(policy[k], alone[0])
        programmes, _ = maximal_lottery(P[k], np.full(n, 1 / n))
        np.testing.assert_allclose(policy[k], programmes, rtol=0, atol=1e-12)


def test_tournaments_are_accepted() -> None:
    """A tournament has one lottery, with an odd support (Laffond, Laslier, Le Breton 1993)."""
    rng = np.random.default_rng(0)
    policy, unique = unique_lotteries.unique_lotteries(
        np.stack([tournament(9, rng) for _ in range(100)])
    )
    assert unique.all()
    assert ((policy > 0).sum(-1) % 2 == 1).all()


def test_linear_programmes_solve_only_what_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(P: Float, ref: Float) -> Any:
        raise SolverError("a linear programme")

    tied = table(np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.2, 0]]))
    game = PreferenceGame([CYCLE, tied, CYCLE.T], [0.2, 0.6, 0.2])
    np.testing.assert_allclose(NlhfExact(0.0).solve(game).policy[1], [0.25, 0.75, 0])
    monkeypatch.setattr("solvers.nlhf_exact.maximal_lottery", failing)
    solution = NlhfExact(0.0).solve(game)
    assert solution.status.tolist() == ["ok", "error", "ok"]
    assert solution.message.tolist() == ["", "a linear programme", ""]
    np.testing.assert_allclose(solution.policy[0], np.array([0.3, 0.2, 0.4]) / 0.9, rtol=1e-14)
    np.testing.assert_array_equal(np.isnan(solution.policy).all(-1), [False, True, False])
    np.testing.assert_array_equal(
        np.isnan(solution.certificate.residual), solution.status == "error"
    )
    np.testing.assert_array_equal(NlhfExact(0.0).solve(game.at(0)).policy, solution.policy[0])
    with pytest.raises(SolverError, match="a linear programme"):
        NlhfExact(0.0).solve(game.at(1))


def test_above_the_largest_size_nothing_is_accepted() -> None:
    n = 65
    P = table(np.tril(np.full((n, n), 0.25)))
    policy, unique = unique_lotteries.unique_lotteries(np.stack([P, P]))
    assert not unique.any()
    assert policy.shape == (2, n)
    assert NlhfExact(0.0).solve(PreferenceGame(P)).policy[0] == 1


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-7])
def test_small_margins_are_accepted_as_large_ones(scale: float) -> None:
    (policy,), (unique,) = unique_lotteries.unique_lotteries(0.5 + scale * (CYCLE[None] - 0.5))
    assert unique
    np.testing.assert_allclose(policy, np.array([0.3, 0.2, 0.4]) / 0.9, atol=1e-15 / scale)


def five(margins: dict[tuple[int, int], float]) -> Float:
    """P of five answers from the margins that are not 0."""
    P = np.full((5, 5), 0.5)
    for (i, j), m in margins.items():
        P[i, j], P[j, i] = 0.5 + m, 0.5 - m
    return P


BEATEN = {(i, j): 0.2 for i in range(3) for j in (3, 4)} | {(3, 4): 0.1}
ACCEPTED: list[tuple[Float, list[float]]] = [
    (five(BEATEN | {(0, 1): 0.4, (1, 2): 0.3, (2, 0): 0.2}), [3 / 9, 2 / 9, 4 / 9, 0, 0]),
    (five(BEATEN | {(2, 0): 0.3, (2, 1): 1e-4, (0, 1): 0.5}), [0, 0, 1, 0, 0]),
    (five({(i, (i + k) % 5): 0.5 for i in range(5) for k in (1, 2)}), [0.2] * 5),
]
# clones that hardly differ: all five play, and the second smallest singular value is tiny
NEAR_CLONES = CLONES + five({(0, 2): 1e-5, (1, 3): 3e-5, (3, 2): 2e-5}) - 0.5
REFUSED: list[Float] = [
    np.full((5, 5), 0.5),
    five(BEATEN | {(0, 2): 0.1, (1, 2): 0.1}),
    five(BEATEN | {(0, 1): 0.3}),
    CLONES,
    five(BEATEN | {(0, 1): 1e-8, (0, 2): 0.3, (1, 2): 0.2}),
    five(BEATEN | {(0, 1): 0.4, (1, 2): 0.4, (2, 0): 1e-8}),
    NEAR_CLONES,
]


def check(module: Any) -> None:
    """By hand, in one batch: what is accepted, what is not, and by any support."""
    expected = np.array([policy for _, policy in ACCEPTED])
    P = np.stack([P for P, _ in ACCEPTED] + REFUSED)
    policy, unique = module.unique_lotteries(P)
    np.testing.assert_array_equal(unique, np.arange(len(P)) < 3)
    np.testing.assert_allclose(policy[:3], expected, rtol=0, atol=1e-14)
    rng = np.random.default_rng(1)
    P = np.stack([table(rng.uniform(size=(4, 4))) for _ in range(50)])
    policy, unique = module.unique_lotteries(P)
    assert unique.all()
    subsets = chain.from_iterable(combinations(range(4), size) for size in range(1, 5))
    with pytest.MonkeyPatch.context() as patch:
        for answers in subsets:
            support = np.tile(np.isin(np.arange(4), answers), (50, 1))
            patch.setattr(module, "_supports", lambda margins, given=support: given)
            again, accepted = module.unique_lotteries(P)
            np.testing.assert_array_equal(accepted, ((policy > 0) == support).all(-1))
            np.testing.assert_allclose(again[accepted], policy[accepted], rtol=0, atol=1e-14)


MUTANTS = mutants({
    unique_lotteries: [
        ("if n > _LARGEST", "if n < _LARGEST"),
        ("np.where(inner, margins, np.eye(n))", "margins"),
        ("support[:, :, None] & support[:, None, :]", "support[:, :, None] | support[:, None, :]"),
        ("basis[:, -1], 0.0", "basis[:, :, -1], 0.0"),
        ("np.where(abs(total) > _CLEAR, total, 1.0)", "1.0"),
        ("(policy > _CLEAR) &", "(policy > 0) &"),
        ("(policy > _CLEAR) &", ""),
        (" & (abs(rates) < _ROUNDING)", ""),
        ("rates < -_CLEAR", "rates < 1"),
        ("rates < -_CLEAR", "rates < 0"),
        ("rates < -_CLEAR", "rates > _CLEAR"),
        ("accepted & (sizes[:, -2:-1] > _SINGULAR).all(-1)", "accepted"),
        ("sizes[:, -2:-1]", "sizes[:, -1:]"),
        ("= margins + 2\n", "= 2 - margins\n"),
        ("range(10 * n)", "range(2)"),
        ("column[:, n] < -_PIVOT", "column[:, n] > -_PIVOT"),
        ("bounds.argmin(-1)", "bounds.argmax(-1)"),
        ("= -column / pivot", "= column / pivot"),
        ("= 1 / pivot[:, 0]", "= pivot[:, 0]"),
        ("= entering, basic[going, leave]", "= entering, entering"),
    ],
})  # fmt: skip


def test_the_answers_by_hand() -> None:
    check(unique_lotteries)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, check, (AssertionError, ArithmeticError, RuntimeWarning, IndexError))
