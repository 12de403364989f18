"""RLHF methods: one step by hand, and mutants that it notices."""

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
from solvers.dpo import Dpo
from solvers.ipo import Ipo
from solvers.natural_pg import NaturalPg
from solvers.preference_matching import PreferenceMatching
from solvers.rebel import Rebel
from solvers.sampling import NO_DRAWS
from solvers.softmax_pg import SoftmaxPg
from tests.golden_games import (
    close,
    normalised,
)
from tests.mutants import Mutant, assert_noticed

REF = [0.2, 0.5, 0.3]
PI = [0.52, 0.17, 0.31]
R = [0.3, -0.4, 0.1]
P = [[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]]
SHARES = [[0, 0.5, 0.3], [0.5, 0, 0.2], [0.3, 0.2, 0]]
GAME = PreferenceGame(P, REF, pairs=SHARES)
ACTIONS = range(3)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


# One step by hand


def natural_pg_step(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    after = solver.step(GAME, (np.log(PI), np.array(R)), NO_DRAWS)
    # 1 - eta tau = 0.65
    expected = [PI[i] ** 0.65 * REF[i] ** 0.35 * exp(0.7 * R[i]) for i in ACTIONS]
    close(solver.policy(after), normalised(expected))
    close(after[1], R)


def softmax_pg_step(cls: Any) -> None:
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


def dpo_loss(theta: Float, tau: float) -> float:
    h = theta - np.log(REF)
    return -sum(
        SHARES[i][j] * P[i][j] * log(sigmoid(tau * (h[i] - h[j])))
        for i, j in itertools.permutations(ACTIONS, 2)
    )


def ipo_loss(theta: Float, tau: float) -> float:
    h = theta - np.log(REF)
    total: float = sum(
        SHARES[i][j] * (h[i] - h[j] - (P[i][j] - 0.5) / tau) ** 2
        for i, j in itertools.combinations(ACTIONS, 2)
    )
    return total


def slopes(loss: Callable[[Float], float], at: Float) -> Float:
    return np.array([(loss(at + e) - loss(at - e)) / 2e-5 for e in 1e-5 * np.eye(len(at))])


def dpo_step(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    state = solver.init(GAME, NO_DRAWS)
    close(solver.policy(state), REF)
    after = solver.step(GAME, (np.log(PI), state[1]), NO_DRAWS)
    # answer 0 is in most pairs: 0.8 of them; the Hessian is at most tau^2 0.8 / 2
    slope = slopes(lambda theta: dpo_loss(theta, 0.5), np.log(PI))
    close(solver.policy(after), normalised(PI * np.exp(-0.7 / (0.25 * 0.4) * slope)), 1e-9)


def ipo_step(cls: Any) -> None:
    solver = cls(tau=0.5, eta=0.7)
    state = solver.init(GAME, NO_DRAWS)
    after = solver.step(GAME, (np.log(PI), state[1]), NO_DRAWS)
    # the Hessian is at most 4 times 0.8
    slope = slopes(lambda theta: ipo_loss(theta, 0.5), np.log(PI))
    close(solver.policy(after), normalised(PI * np.exp(-0.7 / 3.2 * slope)), 1e-9)


def rebel_step(cls: Any) -> None:
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


def best_of_n_step(cls: Any) -> None:
    r = np.array([0.2, 1.0, 0.2, -0.7])
    ref = [0.1, 0.2, 0.3, 0.4]
    tied = PreferenceGame(special.expit(np.subtract.outer(r, r)), ref)
    for n in (1, 2, 3, 5):
        found = cls(n_answers=n).solve(tied)
        # among tied best answers each is first in proportion to ref
        close(found.policy, best_by_enumeration(n, ref, r))
        assert found.certificate.holds
    assert cls(n_answers=1000).solve(tied).certificate.holds


def bond_step(cls: Any) -> None:
    solver = cls(n_answers=3, rate=0.4)
    anchor = [0.3, 0.6, 0.1]
    after = solver.step(GAME, (np.log(PI), np.log(anchor), np.array(R)), NO_DRAWS)
    best = best_by_enumeration(3, anchor, R)
    close(solver.policy(after), best)
    close(np.exp(after[1]), normalised([anchor[i] ** 0.6 * best[i] ** 0.4 for i in ACTIONS]))


def preference_matching_step(cls: Any) -> None:
    r = np.array(R)
    found = cls().solve(PreferenceGame(special.expit(np.subtract.outer(r, r)), REF))
    close(found.policy, normalised(np.exp(R)))
    assert found.certificate.holds
    wrong = np.array(SHARES) * 0 + 1
    assert cls().solve(PreferenceGame(P, REF, pairs=wrong)).certificate.holds


CHECKS: dict[str, Callable[[Any], None]] = {
    "natural_pg": natural_pg_step,
    "softmax_pg": softmax_pg_step,
    "dpo": dpo_step,
    "ipo": ipo_step,
    "rebel": rebel_step,
    "best_of_n": best_of_n_step,
    "bond": bond_step,
    "preference_matching": preference_matching_step,
}
CLASSES: dict[str, type[Any]] = {
    "natural_pg": NaturalPg,
    "softmax_pg": SoftmaxPg,
    "dpo": Dpo,
    "ipo": Ipo,
    "rebel": Rebel,
    "best_of_n": BestOfN,
    "bond": Bond,
    "preference_matching": PreferenceMatching,
}


@pytest.mark.parametrize("name", CHECKS)
def test_one_step_by_hand(name: str) -> None:
    CHECKS[name](CLASSES[name])


MUTANTS = [Mutant(CLASSES[name], old, new) for name, old, new in (
    ("natural_pg", "+ eta * r)", "- eta * r)"),
    ("natural_pg", "+ eta * tau * game.log_ref", ""),
    ("natural_pg", "(1 - eta * tau) * theta", "theta"),
    ("softmax_pg", "r - self.tau * (log_pi - game.log_ref)", "r - self.tau * log_pi"),
    ("softmax_pg", "slope = pi * (reward", "slope = (reward"),
    ("softmax_pg", "log_pi + self.eta * slope", "log_pi - self.eta * slope"),
    ("softmax_pg", "(k * (k - 1))", "(k * k)"),
    ("softmax_pg", "drawn * (k * reward", "drawn * (reward"),
    ("dpo", "r = self.tau * (log_pi - game.log_ref)", "r = self.tau * log_pi"),
    ("dpo", "- size * slope", "+ size * slope"),
    ("dpo", "r[..., :, None] - r[..., None, :]", "r[..., None, :] - r[..., :, None]"),
    ("dpo", "slope = shares * (", "slope = (shares > 0) * ("),
    ("ipo", "h = log_pi - game.log_ref", "h = log_pi"),
    ("ipo", "log_pi - self.eta", "log_pi + self.eta"),
    ("ipo", "(wins - 0.5) / self.tau)\n", "(0.5 - wins) / self.tau)\n"),
    ("ipo", "slope = shares * (", "slope = (shares > 0) * ("),
    ("rebel", "change = self.eta * r\n", "change = -self.eta * r\n"),
    ("rebel", "pinv(laplacian, rcond=1e-9, hermitian=True) @ laplacian", "pinv(laplacian) * 2"),
    ("rebel", "log_pi + change", "game.log_ref + change"),
    ("best_of_n", "(n_answers - 1) * log_up_to", "n_answers * log_up_to"),
    ("best_of_n", "< r[..., :, None] - TIE_TOL", "> r[..., :, None] + TIE_TOL"),
    ("best_of_n", "logits = log_policy + (n", "logits = 0 * log_policy + (n"),
    ("best_of_n", "1 + ratio * total, ahead * ratio", "total, ahead * ratio"),
    ("bond", "(1 - self.rate) * anchor + self.rate", "self.rate * anchor + (1 - self.rate)"),
    ("bond", "_, anchor, r = state", "anchor, _, r = state"),
    ("preference_matching", "log_softmax(RlhfExact()", "log_softmax(-RlhfExact()"),
    (
        "preference_matching",
        "log_softmax(RlhfExact().rewards(game))",
        "log_softmax(game.log_ref + RlhfExact().rewards(game))",
    ),
)]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    checks = {CLASSES[name]: check for name, check in CHECKS.items()}
    assert_noticed(mutant, checks[mutant.subject])
