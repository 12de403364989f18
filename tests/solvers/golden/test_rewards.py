"""Methods on a Bradley-Terry reward: one step of each by hand, and bugs that it notices."""

import itertools
from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import PreferenceGame
from games.game import Float
from solvers.best_of_n import BestOfN
from solvers.bond import Bond
from solvers.natural_pg import NaturalPg
from solvers.preference_matching import PreferenceMatching
from solvers.rebel import Rebel
from solvers.sampling import NO_DRAWS
from solvers.softmax_pg import SoftmaxPg
from tests.golden_games import close, normalised
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.compared_game import (
    ACTIONS,
    GAME,
    PI,
    REF,
    SHARES,
    P,
    R,
)


def check_natural_pg(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    after = solver.step(GAME, (np.log(PI), np.array(R)), NO_DRAWS)
    # 1 - eta tau = 0.65
    expected = [PI[i] ** 0.65 * REF[i] ** 0.35 * exp(0.7 * R[i]) for i in ACTIONS]
    close(solver.policy(after), normalised(expected))
    close(after[1], R)


def check_softmax_pg(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    after = solver.step(GAME, (np.log(PI) + 3, np.array(R)), NO_DRAWS)
    a = [R[i] - 0.5 * log(PI[i] / REF[i]) for i in ACTIONS]
    mean = 0.52 * a[0] + 0.17 * a[1] + 0.31 * a[2]
    close(
        solver.policy(after),
        normalised([PI[i] * exp(0.7 * PI[i] * (a[i] - mean)) for i in ACTIONS]),
    )
    # four drawn answers, each with the mean reward of the three others as its baseline
    sampled = cls(tau=0.5, eta=0.7, samples=4)
    after = sampled.step(GAME, (np.log(PI), np.array(R)), np.random.default_rng(3))
    counts = np.random.default_rng(3).multinomial(4, PI)
    drawn = [i for i in ACTIONS for _ in range(counts[i])]
    assert len(set(drawn)) > 1
    slope = np.zeros(3)
    for t, i in enumerate(drawn):
        others = [a[j] for s, j in enumerate(drawn) if s != t]
        slope += (a[i] - sum(others) / 3) / 4 * (np.eye(3)[i] - np.array(PI))
    close(sampled.policy(after), normalised(PI * np.exp(0.7 * slope)))


def check_rebel(cls: Any) -> None:
    solver = cls(eta=0.7)
    after = solver.step(GAME, (np.log(PI), np.array(R)), NO_DRAWS)
    close(solver.policy(after), normalised([PI[i] * exp(0.7 * R[i]) for i in ACTIONS]))
    # two drawn pairs: least squares on those alone, of least norm
    sampled = cls(eta=0.7, samples=2)
    for seed in range(8):
        after = sampled.step(GAME, (np.log(PI), np.array(R)), np.random.default_rng(seed))
        counts = np.random.default_rng(seed).multinomial(2, np.outer(PI, PI).ravel())
        drawn = [divmod(int(k), 3) for k in np.repeat(np.arange(9), counts)]
        design = np.array([np.eye(3)[i] - np.eye(3)[j] for i, j in drawn])
        change = np.linalg.lstsq(design, 0.7 * design @ R, rcond=None)[0]
        close(sampled.policy(after), normalised(PI * np.exp(change)), 1e-11)


def best_by_enumeration(n: int, ref: Any, r: Any) -> Float:
    """The distribution of the best of n draws; among tied best ones the first drawn is given."""
    out = np.zeros(len(ref))
    for drawn in itertools.product(range(len(ref)), repeat=n):
        best = max(drawn, key=lambda i: r[i])
        out[best] += np.prod([ref[i] for i in drawn])
    return out


def check_best_of_n(cls: Any) -> None:
    r = np.array([0.2, 1.0, 0.2, -0.7])
    ref = [0.1, 0.2, 0.3, 0.4]
    tied = PreferenceGame(special.expit(np.subtract.outer(r, r)), ref)
    for n in (1, 2, 3, 5):
        solution = cls(n_answers=n).solve(tied)
        # among tied best answers each is first in proportion to ref
        close(solution.policy, best_by_enumeration(n, ref, r))
        assert solution.certificate.holds
    assert cls(n_answers=1000).solve(tied).certificate.holds


def check_bond(cls: Any) -> None:
    solver = cls(n_answers=3, rate=0.4)
    anchor = [0.3, 0.6, 0.1]
    after = solver.step(GAME, (np.log(PI), np.log(anchor), np.array(R)), NO_DRAWS)
    best = best_by_enumeration(3, anchor, R)
    close(solver.policy(after), best)
    close(np.exp(after[1]), normalised([anchor[i] ** 0.6 * best[i] ** 0.4 for i in ACTIONS]))


def check_preference_matching(cls: Any) -> None:
    r = np.array(R)
    solution = cls().solve(PreferenceGame(special.expit(np.subtract.outer(r, r)), REF))
    close(solution.policy, normalised(np.exp(R)))
    assert solution.certificate.holds
    wrong = np.array(SHARES) * 0 + 1
    assert cls().solve(PreferenceGame(P, REF, pairs=wrong)).certificate.holds


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    NaturalPg: check_natural_pg,
    SoftmaxPg: check_softmax_pg,
    Rebel: check_rebel,
    BestOfN: check_best_of_n,
    Bond: check_bond,
    PreferenceMatching: check_preference_matching,
}

MUTANTS = mutants({
    NaturalPg: [
        ("+ eta * r)", "- eta * r)"),
        ("+ eta * tau * game.log_ref", ""),
        ("(1 - eta * tau) * theta", "theta"),
    ],
    SoftmaxPg: [
        ("r - self.tau * (log_pi - game.log_ref)", "r - self.tau * log_pi"),
        ("slope = pi * (reward", "slope = (reward"),
        ("log_pi + self.eta * slope", "log_pi - self.eta * slope"),
        ("(k * (k - 1))", "(k * k)"),
        ("drawn * (k * reward", "drawn * (reward"),
    ],
    Rebel: [
        ("change = self.eta * r\n", "change = -self.eta * r\n"),
        ("pinv(laplacian, rcond=1e-9, hermitian=True) @ laplacian", "pinv(laplacian) * 2"),
        ("log_pi + change", "game.log_ref + change"),
    ],
    BestOfN: [
        ("(n_answers - 1) * log_up_to", "n_answers * log_up_to"),
        ("< r[..., :, None] - TIE_TOL", "> r[..., :, None] + TIE_TOL"),
        ("logits = log_policy + (n", "logits = 0 * log_policy + (n"),
        ("1 + ratio * total, ahead * ratio", "total, ahead * ratio"),
    ],
    Bond: [
        ("(1 - self.rate) * anchor + self.rate", "self.rate * anchor + (1 - self.rate)"),
        ("_, anchor, r = state", "anchor, _, r = state"),
    ],
    PreferenceMatching: [
        ("log_softmax(RlhfExact()", "log_softmax(-RlhfExact()"),
        ("log_softmax(RlhfExact().rewards(game))",
         "log_softmax(game.log_ref + RlhfExact().rewards(game))"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject])
