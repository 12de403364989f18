"""Voting rules and other baselines on games solved by hand, and bugs that they notice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

from games import PreferenceGame
from games.game import Float
from games.population import Population
from solvers.borda import Borda
from solvers.copeland import Copeland
from solvers.majority_rlhf import MajorityRlhf
from solvers.random_dictator import RandomDictator
from solvers.ranked_pairs import RankedPairs
from solvers.reference import Reference
from solvers.schulze import Schulze
from solvers.uniform import Uniform
from tests.golden_games import close
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.elections import SCHULZE_2011, table_of
from tests.strategies import table

REF = [0.1, 0.4, 0.3, 0.2]
# 0 beats 1 and 2, 1 beats 2 and 3, 2 beats 3, 3 beats 0: 0 and 1 win twice, 2 and 3 once
CYCLE = table(np.array([[0, 0, 0, 0], [0.45, 0, 0, 0], [0.05, 0.2, 0, 0], [0.7, 0.25, 0.3, 0]]))
ONE = np.eye(4)


def check_borda(cls: Any) -> None:
    """Row sums of CYCLE: 0.5 + 0.55 + 0.95 + 0.3, 0.45 + 0.5 + 0.8 + 0.75, ...: 1 has most."""
    rule, game = cls(), PreferenceGame(CYCLE, REF, pairs=1 - ONE)
    close(rule.scores(game), [1.8 / 3, 2.0 / 3, 0.95 / 3, 1.25 / 3])
    solution = rule.solve(game)
    close(solution.policy, ONE[1])
    assert solution.certificate.holds
    even = PreferenceGame(np.full((4, 4), 0.5), REF)
    close(rule.solve(even).policy, REF)


def check_copeland(cls: Any) -> None:
    """0 and 1 win twice, and share by their references."""
    rule, game = cls(), PreferenceGame(CYCLE, REF)
    close(rule.scores(game), [2, 2, 1, 1])
    close(rule.solve(game).policy, [0.2, 0.8, 0, 0])
    tied = table(np.array([[0, 0, 0], [0.5, 0, 0], [0.4, 0.3, 0]]))
    close(rule.scores(PreferenceGame(tied)), [1.5, 1.5, 0])
    assert rule.solve(game).certificate.holds


def check_schulze(cls: Any) -> None:
    """The example of 45 voters, where E wins by 25 against 24; a balanced cycle; no majority."""
    rule, game = cls(), PreferenceGame(table_of(SCHULZE_2011))
    close(45 * rule.scores(game), [-1, -4, -4, -7, 0])
    close(rule.solve(game).policy, [0, 0, 0, 0, 1])
    assert rule.solve(game).certificate.holds
    balanced = table(np.array([[0, 0, 0], [0.4, 0, 0], [0.6, 0.4, 0]]))
    close(rule.solve(PreferenceGame(balanced, [0.2, 0.5, 0.3])).policy, [0.2, 0.5, 0.3])
    close(rule.solve(PreferenceGame(np.full((4, 4), 0.5), REF)).policy, REF)
    # 0 > 2 by 0.45, 1 > 2 by 0.3, 1 > 3 by 0.25, 3 > 0 by 0.2, 2 > 3 by 0.2, 0 > 1 by 0.05:
    # 1 reaches 0 by min(0.25, 0.2) = 0.2 and is reached by 0.05
    close(rule.solve(PreferenceGame(CYCLE, REF)).policy, ONE[1])


def check_ranked_pairs(cls: Any) -> None:
    """CYCLE: locked are 0 > 2, 1 > 2, 1 > 3, then 3 > 0 and 2 > 3, tied, on the cycle 0 2 3.

    Both are dropped; 0 > 1 is then locked and makes 0 the answer. A little less of 2 > 3 locks
    3 > 0 first, so that 0 > 1 closes a cycle, and 1 is the answer.
    """
    rule, game = cls(), PreferenceGame(CYCLE, REF)
    close(rule.solve(game).policy, ONE[0])
    assert rule.solve(game).certificate.holds
    less = CYCLE.copy()
    less[2, 3], less[3, 2] = 0.69, 0.31
    close(rule.solve(PreferenceGame([CYCLE, less], [REF, REF])).policy, ONE[:2])
    close(rule.solve(PreferenceGame(table_of(SCHULZE_2011))).policy, [1, 0, 0, 0, 0])
    # 1 > 2 > 3 > 1 are tied and go; 0 beats 3 more clearly, and nothing beats it
    three = table(np.array([[0] * 4, [0.5, 0, 0, 0], [0.5, 0.4, 0, 0], [0.1, 0.6, 0.4, 0]]))
    close(rule.solve(PreferenceGame(three, REF)).policy, np.array([0.1, 0.4, 0.3, 0]) / 0.8)
    # 0 > 1 > 2 and 3 > 2 are locked; of 2 > 0 and 1 > 3, tied, the first contradicts them
    drawn = table(np.array([[0] * 4, [0.1, 0, 0, 0], [0.6, 0.2, 0, 0], [0.5, 0.4, 0.75, 0]]))
    close(rule.solve(PreferenceGame(drawn, REF)).policy, ONE[0])


def check_random_dictator(cls: Any) -> None:
    """Half have favourite 3, three tenths tie on 0 and 1, a fifth has 1; ties by REF."""
    people = Population([0.5, 0.3, 0.2], [[0, 1, 2, 9], [5, 5, 4, 4], [-1, 0, -1, -1]])
    solution = cls().solve(PreferenceGame(CYCLE, REF, population=people))
    close(solution.policy, [0.06, 0.24 + 0.2, 0, 0.5])
    assert solution.certificate.holds
    nobody = cls().solve(PreferenceGame([CYCLE, CYCLE]))
    assert (nobody.status == "undefined").all()
    assert all("the game has no population" in text for text in nobody.message)


def check_uniform(cls: Any) -> None:
    solution = cls().solve(PreferenceGame(CYCLE, REF))
    close(solution.policy, [0.25] * 4)
    assert solution.certificate.holds


def check_reference(cls: Any) -> None:
    solution = cls().solve(PreferenceGame(CYCLE, REF))
    close(solution.policy, REF)
    assert solution.certificate.holds


def check_majority_rlhf(cls: Any) -> None:
    """The penalised likelihood of hard labels and of a half, minimised by another method."""
    P = table(np.array([[0, 0, 0], [0.4, 0, 0], [0.9, 0.5, 0]]))
    labels = [[0.5, 1, 0], [0, 0.5, 0.5], [1, 0.5, 0.5]]
    pairs, ref = np.array([[0, 3, 1], [3, 0, 2], [1, 2, 0]]), np.array([0.2, 0.5, 0.3])

    def slope(r: Float) -> Float:
        fitted = special.expit(np.subtract.outer(r, r))
        return np.asarray((pairs / 6 * (fitted - labels)).sum(-1) + 0.2 * r)

    r = optimize.root(slope, np.zeros(3), tol=1e-14).x
    game, weights = PreferenceGame(P, ref, pairs=pairs), ref * np.exp(r / 0.7)
    solution = cls(tau=0.7, ridge=0.2).solve(game)
    close(solution.policy, weights / weights.sum(), 1e-9)
    assert solution.certificate.holds
    close(cls(tau=0, ridge=0.2).solve(game).policy, np.eye(3)[np.argmax(r)])
    crowned = PreferenceGame(table(np.array([[0, 0, 0], [0.4, 0, 0], [0.3, 0.5, 0]])))
    message = str(cls(ridge=0).solve(crowned).message)
    assert message.startswith("MajorityRlhf: the Bradley-Terry maximum is infinite")
    close(cls(ridge=0).solve(PreferenceGame(CYCLE[:3, :3] * 0 + 0.5, ref)).policy, ref)


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    Borda: check_borda,
    Copeland: check_copeland,
    Schulze: check_schulze,
    RankedPairs: check_ranked_pairs,
    RandomDictator: check_random_dictator,
    Uniform: check_uniform,
    Reference: check_reference,
    MajorityRlhf: check_majority_rlhf,
}

MUTANTS = mutants({
    Borda: [
        ("measures.borda(game)", "-measures.borda(game)"),
        ("measures.borda(game)", "measures.copeland(game)"),
        ("game.log_ref, TIE_TOL)", "0 * game.log_ref, TIE_TOL)"),
    ],
    Copeland: [
        ("measures.copeland(game)", "measures.beats(game).sum(-1) * 1.0"),
        ("measures.copeland(game)", "measures.borda(game)"),
        ("game.log_ref, TIE_TOL)", "0 * game.log_ref, TIE_TOL)"),
    ],
    Schulze: [
        ("widest = widest_paths(strengths(game))", "widest = strengths(game)"),
        ("np.swapaxes(widest, -1, -2))", "widest)"),
        ("ahead.min(-1)", "ahead.max(-1)"),
        ("np.minimum(widest[..., :, k, None]", "np.maximum(widest[..., :, k, None]"),
        ("game.log_ref, TIE_TOL)", "0 * game.log_ref, TIE_TOL)"),
    ],
    RankedPairs: [
        ("np.argsort(-strength[", "np.argsort(strength["),
        ("~reaches[i, j] & ~reaches[j, i]", "~reaches[i, j]"),
        ("np.outer(reaches[:, a], reaches[b])", "np.outer(reaches[:, b], reaches[a])"),
        ("kept = ~_with(reaches, i, j)[j, i]", "kept = ~reaches[j, i]"),
        ("defeated[j[kept]] = True", "defeated[i[kept]] = True"),
        ("reaches = _with(reaches, i[kept], j[kept])", "del kept; kept = slice(None)"),
    ],
    RandomDictator: [
        ("people.favourites * game.ref[..., None, :]", "people.favourites * 1.0"),
        ("(people.shares[..., None] * weights).sum(-2)", "weights.mean(-2)"),
        ("game.population is not None", "True"),
    ],
    Uniform: [("-np.log(game.n)", "-np.log(game.n + 1)")],
    Reference: [("= game.log_ref", "= -game.log_ref")],
    MajorityRlhf: [
        ("measures.majorities(game)", "game.P"),
        ("measures.majorities(game), game.ref", "measures.majorities(game), None"),
        ("pairs=game.pairs", "pairs=None"),
        ("RlhfExact(self.tau, self.ridge)", "RlhfExact(self.tau)"),
        ("self._fit.undefined(_hardened(game))", "self._fit.undefined(game)"),
    ],
})  # fmt: skip
NOTICED = (AssertionError, ValueError, ArithmeticError)


@pytest.mark.parametrize("cls", CHECKS)
def test_answers_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_answer_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject], NOTICED)
