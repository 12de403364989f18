"""What every registered solver must satisfy, and what each concept must, on generated games."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from benchmarks.conformance import solver as conformance
from benchmarks.conformance.outcome import DoesNotApply
from benchmarks.conformance.solver_games import after_steps
from games import PreferenceGame, SolverError, measures
from games.game import Float
from solvers import SOLVERS, Solution, Solver, taus
from solvers.dataset_fit import DatasetFit
from solvers.iterative import IterativeSolver
from tests.paper_games import three_annotators
from tests.strategies import (
    ANY,
    INTERIOR,
    LAW,
    SHORT,
    TAUS,
    cloned,
    games,
    merged,
    permuted,
    solver,
    table,
)

ALL = sorted(SOLVERS)
DETERMINISTIC = [name for name in ALL if not SOLVERS[name]().draws]
EXACT = [name for name in ALL if name.endswith("_exact")]
GAME_EXACT = [name for name in EXACT if SOLVERS[name].concept in {"nlhf", "slhf"}]

FEW = 5
STABLE_TAUS = st.sampled_from([0.0, 0.02, 0.1, 1.0])

all_solvers = pytest.mark.parametrize("name", ALL)
exact_solvers = pytest.mark.parametrize("name", EXACT)


def answer(method: Solver, game: PreferenceGame) -> Solution:
    """The solution, with a generator for solvers that draw."""
    return method.solve(game, np.random.default_rng(0) if method.draws else None)


def at_tau(name: str, tau: float) -> Solver | None:
    """The solver with every tau at that value, and few steps; None where it takes no such tau."""
    kind = SOLVERS[name]
    short = {"max_steps": 50} if issubclass(kind, IterativeSolver) else {}
    try:
        return kind(**dict.fromkeys(taus(kind), tau), **short)
    except SolverError:
        return None


@pytest.mark.parametrize(
    ("name", "tau"),
    [(name, tau) for name in ALL for tau in (0.0, 0.02, 1.0, 7.0) if at_tau(name, tau)],
)
def test_the_contract_is_kept_at_every_tau(name: str, tau: float) -> None:
    """At the defaults tests/benchmarks/conformance/test_solver.py tries all of it."""
    method = at_tau(name, tau)
    assert method is not None
    for law in (
        conformance.simplex, conformance.purity, conformance.contexts, conformance.relabelling,
    ):  # fmt: skip
        with suppress(DoesNotApply):  # of solvers that draw
            law(method)


@pytest.mark.parametrize("name", DETERMINISTIC)
@SHORT
@given(game=games(INTERIOR, batch=(2,)), tau=STABLE_TAUS, seed=st.integers(0, 99))
def test_a_batch_is_a_loop_and_the_order_of_answers_does_not_matter(
    name: str, game: PreferenceGame, tau: float, seed: int
) -> None:
    """To 1e-10, which few steps of moderate size keep, because each magnifies rounding boundedly.

    The largest factor is kappa eta tau - 1 = 4, of stackelberg_npg at tau = 1: five steps turn
    1e-16 into 1e-13. (At tau = 7 they would turn it into 5e-9.) The gradient of an entropy has no
    bound at the edge of the simplex, where stackelberg_gda goes, so it runs without. Exact solvers
    lose 1e-14; the other solvers lost at most 7e-15 on up to 2,000 random games each.
    """
    tau = 0.0 if name == "stackelberg_gda" else tau
    method = solver(name, tau)
    order = np.random.default_rng(seed).permutation(game.n)
    with np.errstate(all="ignore"):
        policy, follower = after_steps(method, game, FEW)
        for k in (0, 1):
            alone, replies = after_steps(method, game.at(k), FEW)
            close(alone, policy[k])
            close(replies, None if follower is None else follower[k])
        other, replies = after_steps(method, permuted(game, order), FEW)
    close(other, policy[..., order])
    close(replies, None if follower is None else follower[..., order, :][..., order])


def close(x: Float | None, y: Float | None) -> None:
    assert (x is None) == (y is None)
    if x is not None and y is not None:
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-10)


@all_solvers
@SHORT
@given(game=games(INTERIOR, batch=(2,)), tau=TAUS)
def test_a_status_is_what_the_certificate_says(name: str, game: PreferenceGame, tau: float) -> None:
    before = game.digest
    solution = answer(solver(name, tau), game)
    assert game.digest == before
    assert solution.status.shape == solution.certificate.residual.shape == (2,)
    np.testing.assert_array_equal(solution.status == "ok", solution.certificate.holds)
    answered = solution.policy[solution.status != "undefined"]
    np.testing.assert_allclose(answered.sum(-1), 1, rtol=0, atol=1e-12)
    if name in EXACT:
        assert [game_status(name, tau, game.at(k)) for k in (0, 1)] == solution.status.tolist()


def game_status(name: str, tau: float, game: PreferenceGame) -> str:
    """The status in one context alone."""
    return str(answer(solver(name, tau), game).status)


def violation(name: str, game: PreferenceGame, policy: Float, tau: float) -> float:
    """By how much a policy fails its concept's optimality condition, written out a second time."""
    if SOLVERS[name].concept == "rlhf":
        implied = tau * np.log(policy / game.ref)
        off = special.expit(implied[:, None] - implied[None, :]) - game.P
        off *= game.pair_weights / game.pair_weights.sum()
        return float(abs(off.sum(-1)).max())
    if SOLVERS[name].concept == "nlhf":
        payoffs = game.P @ policy
    elif tau > 0:
        weights = np.exp(game.log_ref_follower(slice(None)) - game.P / tau)
        payoffs = -tau * np.log(weights.sum(-1))
    else:
        payoffs = game.P.min(-1)
    if tau == 0:
        return float(payoffs.max() - policy @ payoffs)
    used = policy > 1e-280
    return float(np.ptp(np.log(policy[used]) - np.log(game.ref[used]) - payoffs[used] / tau))


@exact_solvers
@LAW
@given(game=games(INTERIOR, min_n=2), tau=TAUS, at=st.integers(0, 4))
def test_certificates_hold_and_other_policies_fail(
    name: str, game: PreferenceGame, tau: float, at: int
) -> None:
    solution = answer(solver(name, tau), game)
    assert solution.certificate.holds
    if SOLVERS[name].concept == "rlhf" and tau == 0:
        return  # the policy does not show the reward
    tolerance = 10 * float(solution.certificate.tolerance)
    assert violation(name, game, solution.policy, tau) <= tolerance
    if tau > 0 and solution.policy[at % game.n] < 0.9:
        moved = solution.policy * np.where(np.arange(game.n) == at % game.n, 1.001, 1)
        assert violation(name, game, moved / moved.sum(), tau) > tolerance


def reads_preferences_alone(name: str) -> bool:
    """Whether the solver's concept is NLHF or SLHF, and its path descends no loss on the pairs."""
    kind = SOLVERS[name]
    return kind.concept in ("nlhf", "slhf") and not issubclass(kind, DatasetFit)


@pytest.mark.parametrize("name", [name for name in DETERMINISTIC if reads_preferences_alone(name)])
@SHORT
@given(game=games(INTERIOR, min_n=2), tau=TAUS)
def test_nlhf_and_slhf_do_not_see_who_was_compared(
    name: str, game: PreferenceGame, tau: float
) -> None:
    skewed = np.outer(np.arange(1, game.n + 1), np.arange(1, game.n + 1))
    other = PreferenceGame(game.P, game.ref, game.ref_follower, pairs=skewed)
    method = solver(name, tau)
    np.testing.assert_array_equal(answer(method, game).policy, answer(method, other).policy)


def test_rlhf_sees_who_was_compared() -> None:
    game = three_annotators()
    method = solver("rlhf_exact", 1.0)
    pairs = np.array([[0, 5, 1], [5, 0, 1], [1, 1, 0]])
    moved = answer(method, PreferenceGame(game.P, game.ref, pairs=pairs)).policy
    assert abs(moved - answer(method, game).policy).max() > 0.01


@pytest.mark.parametrize("name", GAME_EXACT)
@LAW
@given(game=games(ANY), tau=TAUS, at=st.integers(0, 4), copies=st.integers(2, 4))
def test_clones_share_and_change_nothing_else(
    name: str, game: PreferenceGame, tau: float, at: int, copies: int
) -> None:
    at %= game.n
    solution = answer(solver(name, tau), game)
    more = answer(solver(name, tau), cloned(game, at, copies))
    np.testing.assert_allclose(merged(more.policy, at, copies), solution.policy, rtol=0, atol=1e-9)
    family = more.policy[at : at + copies]
    np.testing.assert_allclose(family, family.mean(), rtol=0, atol=1e-9)
    if solution.follower is not None:
        assert more.follower is not None
        replies = merged(more.follower, at, copies)
        original = np.repeat(np.arange(game.n), np.where(np.arange(game.n) == at, copies, 1))
        np.testing.assert_allclose(replies, solution.follower[original], rtol=0, atol=1e-9)


def test_clones_change_rlhf() -> None:
    game = three_annotators()
    policy = answer(solver("rlhf_exact", 0.0), game).policy
    more = answer(solver("rlhf_exact", 0.0), cloned(game, 1, 2)).policy
    np.testing.assert_array_equal(policy, [0, 1, 0])
    np.testing.assert_array_equal(merged(more, 1, 2), [1, 0, 0])


@pytest.mark.parametrize("name", GAME_EXACT)
@LAW
@given(game=games(ANY, min_n=2), winner=st.integers(0, 4), margin=st.sampled_from([1e-6, 0.1, 0.5]))
def test_a_strict_condorcet_winner_is_the_answer(
    name: str, game: PreferenceGame, winner: int, margin: float
) -> None:
    winner %= game.n
    P = game.P.copy()
    P[winner], P[:, winner] = 0.5 + margin, 0.5 - margin
    P[winner, winner] = 0.5
    crowned = PreferenceGame(P, game.ref, game.ref_follower)
    assert measures.condorcet_winner(crowned)[winner]
    policy = answer(solver(name, 0.0), crowned).policy
    np.testing.assert_allclose(policy, np.eye(game.n)[winner], rtol=0, atol=1e-12)


@exact_solvers
@LAW
@given(game=games(INTERIOR))
def test_much_regularisation_gives_the_reference(name: str, game: PreferenceGame) -> None:
    errors = [abs(answer(solver(name, t), game).policy - game.ref).max() for t in (1e3, 1e6, 1e9)]
    assert errors[0] <= 1e-2
    assert errors[1] <= 1e-5
    assert errors[2] <= 1e-8


@pytest.mark.parametrize("name", [n for n in EXACT if SOLVERS[n].concept in {"rlhf", "nlhf"}])
@LAW
@given(game=games(INTERIOR), tau=st.floats(0.01, 5))
def test_more_regularisation_stays_nearer_to_the_reference(
    name: str, game: PreferenceGame, tau: float
) -> None:
    near, far = (measures.kl_to_ref(game, answer(solver(name, t), game).policy)
                 for t in (1.5 * tau, tau))  # fmt: skip
    assert near <= far + 1e-14


@LAW
@given(game=games(ANY), tau=TAUS)
def test_a_leader_never_wins_more_than_half_against_the_best_follower(
    game: PreferenceGame, tau: float
) -> None:
    leader = answer(solver("slhf_exact", tau), game)
    best = SOLVERS["slhf_exact"](**{"tau_leader": tau, "tau_follower": 0.0}).solve(game)
    assert measures.leader_value(game, best.policy) <= 0.5 + 1e-15
    assert measures.leader_value(game, leader.policy) <= 0.5 + 1e-15
    assert best.follower is not None
    won = (best.policy[:, None] * best.follower * game.P).sum()
    assert won == pytest.approx(measures.leader_value(game, best.policy), abs=1e-9)


def test_a_soft_follower_may_lose_more_than_half() -> None:
    game = PreferenceGame(table(np.array([[0, 0], [0.1, 0]])), [0.9, 0.1], np.full((2, 2), 0.5))
    solution = answer(solver("slhf_exact", 1.0), game)
    assert solution.follower is not None
    assert (solution.policy[:, None] * solution.follower * game.P).sum() > 0.5
