"""The exact solvers on games solved by hand, and bugs in them and in what they use."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import PreferenceGame
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tests.mutants import Mutant, assert_noticed, mutants
from tests.strategies import table

REF = [0.2, 0.5, 0.3]
CYCLE = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]])
FOLLOWER = np.array([[0.1, 0.3, 0.6], [0.5, 0.2, 0.3], [0.3, 0.4, 0.3]])
LADDER = special.expit(np.subtract.outer([0.7, 0.4, -1.1], [0.7, 0.4, -1.1]))
NOTICED = (AssertionError, ValueError, IndexError, ArithmeticError, RuntimeWarning)


def close(actual: object, expected: object, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=0, atol=atol)


def check_rlhf_exact(cls: Any) -> None:
    """Rewards and policies of a ladder, of a cycle, under pairs and ridge; existence."""
    ladder = PreferenceGame(LADDER, REF)
    close(cls().rewards(ladder), [0.7, 0.4, -1.1])
    soft = np.array(REF) * np.exp(np.array([0.7, 0.4, -1.1]) / 0.5)
    solution = cls(tau=0.5).solve(ladder)
    close(solution.policy, soft / soft.sum())
    assert solution.certificate.holds
    close(cls(tau=0).solve(ladder).policy, [1, 0, 0])
    tied = PreferenceGame(special.expit(np.subtract.outer([1, 1, 0], [1, 1, 0])), REF)
    close(cls(tau=0).solve(tied).policy, [2 / 7, 5 / 7, 0])
    alpha = PreferenceGame([[0.5, 0.65, 0.4], [0.35, 0.5, 0.75], [0.6, 0.25, 0.5]])
    close(cls().rewards(alpha), [0.0672, 0.1344, -0.2016], 5e-5)
    pairs = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    dropped = PreferenceGame(alpha.P, pairs=pairs)
    close(cls().rewards(dropped), [0.779, 0.160, -0.939], 5e-4)
    r = cls(ridge=0.1).rewards(ladder)
    fitted = special.expit(np.subtract.outer(r, r))
    close((fitted - LADDER).sum(-1) / 3 + 0.1 * r, np.zeros(3))
    one_way = table(np.array([[0, 0, 0], [0.4, 0, 0], [0, 0, 0]]))
    all_pairs, one_pair = np.ones((3, 3)), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    for P, w in ((one_way, all_pairs), (1 - one_way, all_pairs), (CYCLE, one_pair)):
        batch = PreferenceGame([CYCLE, P], pairs=np.stack([all_pairs, w]))
        solution = cls().solve(batch)
        np.testing.assert_array_equal(solution.status, ["ok", "undefined"])
        np.testing.assert_array_equal(np.isnan(solution.policy).all(-1), [False, True])


def check_nlhf_exact(cls: Any) -> None:
    """A tie, a cycle and a ladder together at three taus and at 0; an outsider that binds."""
    refs = np.array([[0.01, 0.09, 0.9], REF, [0.3, 0.3, 0.4]])
    batch = PreferenceGame([np.full((3, 3), 0.5), CYCLE, LADDER], refs)
    for tau in (2.0, 0.1, 0.004):
        solution = cls(tau=tau).solve(batch)
        off = solution.log_policy - np.log(refs) - batch.win_rates(solution.policy) / tau
        close(off - off[:, :1], np.zeros((3, 3)), 1e-10)
        close(solution.policy.sum(-1), np.ones(3))
        assert solution.certificate.holds.all()
    solution = cls(tau=0).solve(batch)
    close(solution.policy, [refs[0], np.array([0.3, 0.2, 0.4]) / 0.9, [1, 0, 0]])
    assert solution.certificate.holds.all()
    binds = table(np.array([[0, 0, 0], [0.5, 0, 0], [0.4, 0.9, 0]]))
    close(cls(tau=0).solve(PreferenceGame(binds, [0.1, 0.8, 0.1])).policy, [0.8, 0.2, 0])
    close(cls(tau=0).solve(PreferenceGame(binds, [0.72, 0.08, 0.2])).policy, [0.9, 0.1, 0])
    # payoffs by size: 0 wins clearly or not at all, so that signs are a balanced cycle
    games = PreferenceGame([CYCLE, LADDER], refs[1:])
    signs = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    for payoff, A in (("sign", signs / 2), ("logit", special.logit(CYCLE))):
        solution = cls(tau=0.4, payoff=payoff).solve(games)
        off = solution.log_policy[0] - np.log(REF) - A @ solution.policy[0] / 0.4
        close(off, off[0], 1e-10)
        assert solution.certificate.holds.all()
        a, b, c = abs(A[1, 2]), abs(A[2, 0]), abs(A[0, 1])
        close(cls(tau=0, payoff=payoff).solve(games).policy[0], np.array([a, b, c]) / (a + b + c))
    odds = np.array(refs[2]) * np.exp(np.array([0.7, 0.4, -1.1]) / 0.4)
    close(solution.policy[1], odds / odds.sum())
    sure = PreferenceGame([CYCLE, table(np.round(CYCLE))])
    np.testing.assert_array_equal(cls(payoff="logit").solve(sure).status, ["ok", "undefined"])


def check_slhf_exact(cls: Any) -> None:
    """Unequal weights and references, both sharp limits, and ties on both sides."""
    game = PreferenceGame(CYCLE, REF, FOLLOWER)
    weights = FOLLOWER * np.exp(-CYCLE / 0.3)
    tilted = np.array(REF) * np.exp(-0.3 * np.log(weights.sum(-1)) / 0.05)
    solution = cls(tau_leader=0.05, tau_follower=0.3).solve(game)
    close(solution.follower, weights / weights.sum(-1, keepdims=True))
    close(solution.policy, tilted / tilted.sum())
    assert solution.certificate.holds
    sharp = cls(tau_leader=0, tau_follower=0).solve(game)
    close(sharp.policy, [1, 0, 0])
    close(sharp.follower, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    tied = PreferenceGame(table(np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]])), REF, FOLLOWER)
    even = cls(tau_leader=0, tau_follower=0).solve(tied)
    close(even.policy, REF)
    close(even.follower, FOLLOWER)
    assert cls(tau_leader=0, tau_follower=0.3).solve(game).certificate.holds


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    RlhfExact: check_rlhf_exact,
    NlhfExact: check_nlhf_exact,
    SlhfExact: check_slhf_exact,
}

P_T = "np.swapaxes(P, -1, -2)"
MUTANTS = mutants({
    RlhfExact: [
        ("game.log_ref + r / num", "game.log_ref - r / num"),
        ("game.log_ref + r / num", "r / num"),
        ("r / numerics.per_context(tau, r)", "r"),
        ("spread_over_best(r, game.log_ref,", "spread_over_best(-r, game.log_ref,"),
        ("spread_over_best(r, game.log_ref,", "spread_over_best(r, 0 * game.log_ref,"),
        ("w[finite], self.ridge)", "w[finite])"),
        ("game.P, game.pair_weights, game.names", "game.P, 1 + game.pair_weights, game.names"),
    ],
    NlhfExact: [
        ("measures.majorities(game), game.ref", "measures.majorities(game), None"),
        ("measures.log_odds(game)", "np.log(game.P / (1 + game.P))"),
        ("0.5 + odds / scale[..., None, None], game.ref", "0.5 + odds / scale[..., None, None]"),
        ("= weights[\"tau\"] / scale, game.n", "= weights[\"tau\"], game.n"),
        ("measures.certain(game)", "(game.P < 0).any((-1, -2))"),
        ("game.P.reshape(-1, n, n)", "np.swapaxes(game.P, -1, -2).reshape(-1, n, n)"),
        ("game.ref.reshape(-1, n)", "np.full((game.ref.size // n, n), 1 / n)"),
        ("np.log(ref), every)", "np.log(ref), 1.01 * every)"),
        ("rates / numerics.per_context(tau, rates)", "rates"),
        ("unique_lotteries(P)\n", "unique_lotteries(np.swapaxes(P, -1, -2))\n"),
        ("np.flatnonzero(~unique)", "np.flatnonzero(unique)"),
    ],
    SlhfExact: [
        ("log_ref - cost / numerics", "log_ref + cost / numerics"),
        ("log_ref - cost / numerics.per_context(tau, cost)", "log_ref - cost / self.tau_leader"),
        ("follower_values(game, tau_follower)", "follower_values(game, tau_leader)"),
        ("log_softmax(game.log_ref + tilt)", "log_softmax(tilt)"),
        ("+ tilt))\n", "+ 1.01 * tilt))\n"),
        ("spread_over_best(values, game.log_ref,", "spread_over_best(-values, game.log_ref,"),
        ("spread_over_best(values, game.log_ref,", "spread_over_best(values, 0 * values,"),
        ("spread_over_best(-cost, log_ref,", "spread_over_best(cost, log_ref,"),
        ("spread_over_best(-cost, log_ref,", "spread_over_best(-cost, 0 * cost,"),
        ("        cost = game.rows(i)\n", "        cost = 1 - game.rows(i)\n"),
        ("        log_ref = game.log_ref_follower(i)\n", "        log_ref = game.log_ref\n"),
    ],
})  # fmt: skip
MUTANTS += mutants({
    RlhfExact: [
        ("r[..., None, :]) - P\n", f"r[..., None, :]) - {P_T}\n"),
        ("off, -np.swapaxes(off, -1, -2)", "off, np.swapaxes(off, -1, -2)"),
        ("(w * off).sum(-1) + np", "(w * off).sum(-1) - np"),
        ("(w * off).sum(-1) + np", "off.sum(-1) / 3 + np"),
        ("keepdims=True) / 2\n", "keepdims=True)\n"),
        ("(w > 0) & (P > 0)", "P > 0"),
        ("~(_reaches_all(wins) & ", "~(_reaches_all(wins) | "),
        ("np.flatnonzero(infinite)", "np.flatnonzero(~infinite)"),
    ],
}, module="games.estimation.rewards")  # fmt: skip
MUTANTS += mutants({
    NlhfExact: [
        ("win_rates(P, np.exp(theta)) / tau", f"win_rates({P_T}, np.exp(theta)) / tau"),
        ("theta - log_ref - numerics", "theta - numerics"),
        ("theta - log_ref - numerics", "theta - log_ref + numerics"),
        ("np.clip(tau, ", "np.clip(2 * tau, "),
        ("done[index[ended]] = theta[ended]", "done[: ended.sum()] = theta[ended]"),
        ("log_ref[rest], index[rest]", "log_ref[: rest.sum()], index[: rest.sum()]"),
    ],
}, module="solvers.exact.regularized_nash")  # fmt: skip
MUTANTS += mutants({
    NlhfExact: [
        ("(P - np.swapaxes(P, -1, -2)) / 2", "(np.swapaxes(P, -1, -2) - P) / 2"),
        ("while not (used | unused).all():", "while not used.any():"),
        ("rank >= len(inner) - 1", "rank >= 0"),
        ("np.log(ref[used])", "0 * ref[used]"),
        ("np.vstack([equal, at_most])", "np.vstack([equal, 0 * at_most])"),
        ("np.append(np.zeros(n), -np.ones(k))", "np.append(np.zeros(n), np.ones(k))"),
        ("found = undecided & (p > _TOL)", "found = undecided & (p < _TOL)"),
    ],
}, module="solvers.exact.maximal_lottery")  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_the_answers_by_hand(cls: Any) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_check_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], NOTICED)
