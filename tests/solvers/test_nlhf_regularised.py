"""One step of every regularised NLHF method by hand."""

import itertools
from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import pytest

from games import PreferenceGame
from solvers.comal import Comal
from solvers.egpo import Egpo
from solvers.inpo import Inpo
from solvers.iterative import IterativeSolver
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nash_rs import NashRs
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2
from solvers.sampling import NO_DRAWS

Weights = Any  # three numbers, as a list or an array

# A generic game and state: unequal weights, no symmetry, neither uniform nor the reference.
P = [[0.5, 0.8, 0.35], [0.2, 0.5, 0.6], [0.65, 0.4, 0.5]]
REF = [0.5, 0.3, 0.2]
PI = [0.2, 0.5, 0.3]
OTHER = [0.1, 0.3, 0.6]
GAME = PreferenceGame(P, REF)
THETA = np.log(PI) + 0.7  # logits are free up to a constant
TAU, ETA = 0.2, 0.5  # eta tau = 0.1


def normed(weights: Weights) -> list[float]:
    return [w / sum(weights) for w in weights]


def against(policy: Weights) -> list[float]:
    return [sum(p * q for p, q in zip(row, policy, strict=True)) for row in P]


def mirror(policy: Weights, rates: Weights, eta: float = ETA) -> list[float]:
    """policy^(1 - eta tau) ref^(eta tau) exp(eta rates), normalised."""
    c = eta * TAU
    return normed(
        [p ** (1 - c) * r**c * exp(eta * w) for p, r, w in zip(policy, REF, rates, strict=True)]
    )


def softmax(theta: Weights) -> list[float]:
    return normed([exp(t) for t in theta])


class Told:
    """A generator whose draws are told: counts, then how many of each were won."""

    def __init__(self, drawn: Any, won: Any, chances: Any, rates: Any) -> None:
        self.drawn, self.won = np.array(drawn), np.array(won)
        self.chances, self.rates = np.array(chances), rates

    def multinomial(self, n: int, chances: Any) -> Any:
        assert n == self.drawn.sum()
        np.testing.assert_allclose(chances, self.chances.ravel())
        return self.drawn.ravel()

    def binomial(self, drawn: Any, rates: Any) -> Any:
        np.testing.assert_array_equal(drawn, self.drawn)
        np.testing.assert_allclose(rates, self.rates)
        return self.won


def told_pairs(drawn: Any, won: Any) -> Any:
    return Told(drawn, won, np.outer(PI, PI), P)


# 0 meets 1 three times and wins twice, 2 meets 1 once and loses
FOUR_PAIRS = ([[0, 2, 0], [1, 0, 0], [0, 1, 0]], [[0, 2, 0], [1, 0, 0], [0, 0, 0]])


def close(solver: IterativeSolver, state: Any, expected: Weights, atol: float = 1e-13) -> None:
    np.testing.assert_allclose(solver.policy(state), expected, rtol=0, atol=atol)


def one_step(solver: IterativeSolver, state: Any, expected: Weights, atol: float = 1e-13) -> None:
    close(solver, solver.step(GAME, state, NO_DRAWS), expected, atol)


def check_online_ipo_1(cls: Any) -> None:
    # P PI = (0.605, 0.47, 0.48)
    weights = [
        0.2**0.9 * 0.5**0.1 * exp(0.5 * 0.605),
        0.5**0.9 * 0.3**0.1 * exp(0.5 * 0.47),
        0.3**0.9 * 0.2**0.1 * exp(0.5 * 0.48),
    ]
    one_step(cls(TAU, ETA), THETA, normed(weights))
    one_step(cls(TAU), THETA, mirror(PI, [0.605, 0.47, 0.48], TAU / (TAU**2 + 1 / 4)))


def check_inpo(cls: Any) -> None:
    check_online_ipo_1(cls)  # the same in expectation
    anchor = [p**0.9 * r**0.1 for p, r in zip(PI, REF, strict=True)]
    # d_0 - d_1 is the mean of 0.25, 0.25 and -0.25, d_1 - d_2 is 0.25
    solver, both = cls(TAU, ETA, samples=4), told_pairs(*FOUR_PAIRS)
    expected = [anchor[0] * exp(0.25 / 3), anchor[1], anchor[2] * exp(-0.25)]
    close(solver, solver.step(GAME, THETA, both), normed(expected))
    # 2 is not drawn: it keeps d = 0, and 0 and 1 share their difference of 0.25
    solver = cls(TAU, ETA, samples=1)
    only = told_pairs([[0, 0, 0], [1, 0, 0], [0, 0, 0]], np.zeros((3, 3)))
    expected = [anchor[0] * exp(0.125), anchor[1] * exp(-0.125), anchor[2]]
    close(solver, solver.step(GAME, THETA, only), normed(expected))


def check_online_ipo_2(cls: Any) -> None:
    # the derivative of the loss, pair by pair and label by label
    h = [log(p / r) for p, r in zip(PI, REF, strict=True)]
    slope = [0.0, 0.0, 0.0]
    for i in range(3):
        for j in range(3):
            for winner, loser, chance in ((i, j, P[i][j]), (j, i, P[j][i])):
                error = 2 * (h[winner] - h[loser] - 1 / (2 * TAU))
                slope[winner] += PI[i] * PI[j] * chance * error
                slope[loser] -= PI[i] * PI[j] * chance * error
    expected = softmax([log(p) - ETA * TAU / 4 * s for p, s in zip(PI, slope, strict=True)])
    one_step(cls(TAU, ETA), THETA, expected)
    one_step(
        cls(TAU, 2 * TAU / (TAU**2 + 1 / 4)),
        THETA,
        cls(TAU).policy(cls(TAU).step(GAME, THETA, NO_DRAWS)),
    )
    # from pairs: 2 wins of 0 over 1, 1 of 1 over 0, 1 of 1 over 2
    slope = [0.0, 0.0, 0.0]
    for winner, loser, share in ((0, 1, 2 / 4), (1, 0, 1 / 4), (1, 2, 1 / 4)):
        error = 2 * (h[winner] - h[loser] - 1 / (2 * TAU))
        slope[winner] += share * error
        slope[loser] -= share * error
    expected = softmax([log(p) - ETA * TAU / 4 * s for p, s in zip(PI, slope, strict=True)])
    solver = cls(TAU, ETA, 4)
    close(solver, solver.step(GAME, THETA, told_pairs(*FOUR_PAIRS)), expected)


def policy_gradient(mixture: float) -> list[float]:
    opponent = normed([p ** (1 - mixture) * r**mixture for p, r in zip(PI, REF, strict=True)])
    rates = against(opponent)
    gain = [w - 0.5 - TAU * log(p / r) for w, p, r in zip(rates, PI, REF, strict=True)]
    mean = sum(p * g for p, g in zip(PI, gain, strict=True))
    return softmax([log(p) + ETA * p * (g - mean) for p, g in zip(PI, gain, strict=True)])


def check_nash_md_pg(cls: Any) -> None:
    for mixture in (0.25, 1.0):
        one_step(cls(TAU, mixture, ETA), THETA, policy_gradient(mixture))
    # of five answers 0 came once and won, 1 three times and won once, 2 once and lost
    r = [0.5 - TAU * log(0.2 / 0.5), -0.5 - TAU * log(0.3 / 0.2)]
    r.insert(1, 1 - 3 * (0.5 + TAU * log(0.5 / 0.3)))
    expected = softmax([log(p) + ETA * (g - p * sum(r)) / 5 for p, g in zip(PI, r, strict=True)])
    solver, rng = cls(TAU, 0.0, ETA, 5), Told([1, 3, 1], [1, 1, 0], PI, [0.605, 0.47, 0.48])
    close(solver, solver.step(GAME, THETA, rng), expected)


def check_nash_ema(cls: Any) -> None:
    solver = cls(TAU, ETA, 0.25)
    after = solver.step(GAME, (THETA, np.log(OTHER)), NO_DRAWS)
    expected = mirror(PI, against(OTHER))
    close(solver, after, expected)
    mean = normed([m**0.75 * p**0.25 for m, p in zip(OTHER, expected, strict=True)])
    close(solver, (after[1], after[0]), mean)


def check_egpo(cls: Any) -> None:
    ahead = mirror(PI, [0.605, 0.47, 0.48])
    one_step(cls(TAU, ETA), THETA, mirror(PI, against(ahead)))
    eta = 2 / (1 + 2 * TAU)
    ahead = mirror(PI, [0.605, 0.47, 0.48], eta)
    one_step(cls(TAU), THETA, mirror(PI, against(ahead), eta))
    for pairs, nu in (("uniform", [1 / 3] * 3), ("reference", REF), ("policy", PI)):
        ahead = softmax(descended(against(PI), nu))
        later = ahead if pairs == "policy" else nu
        expected = softmax(descended(against(ahead), later))
        one_step(cls(TAU, ETA, pairs=pairs), THETA, expected, 1e-9)


def descended(rates: Weights, nu: Weights) -> Any:
    """THETA after a gradient step of size eta n tau / 4 on the loss of pairs from nu."""

    def loss(theta: Any) -> float:
        h = [t - log(r) for t, r in zip(theta, REF, strict=True)]
        off = [(h[i] - h[j] - (rates[i] - rates[j]) / TAU) ** 2 for i in range(3) for j in range(3)]
        total: float = sum(
            w * v * o for (w, v), o in zip(itertools.product(nu, nu), off, strict=True)
        )
        return total

    units = 1e-4 * np.eye(3)
    slope = np.array([(loss(THETA + e) - loss(THETA - e)) / 2e-4 for e in units])
    return THETA - ETA * 3 * TAU / 4 * slope


def check_mpo(cls: Any) -> None:
    rates = [0.605, 0.47, 0.48]
    weights = [
        (p * m**0.1 * exp(0.5 * w)) ** (1 / 1.1) for p, m, w in zip(PI, OTHER, rates, strict=True)
    ]
    solver = cls(TAU, ETA, 3)
    for t, magnet in ((1, OTHER), (2, normed(weights)), (3, OTHER)):
        after = solver.step(GAME, (THETA, np.log(OTHER), t), NO_DRAWS)
        close(solver, after, normed(weights))
        close(solver, (after[1], after[0], 0), magnet)
        assert after[2] == t + 1


def check_comal(cls: Any) -> None:
    # the defining equation: log p - log pi - P p / tau is the same for every answer
    p = np.exp(cls(TAU).step(GAME, np.log(PI), NO_DRAWS)).tolist()
    assert sum(p) == pytest.approx(1)
    off = [log(a / b) - w / TAU for a, b, w in zip(p, PI, against(p), strict=True)]
    assert max(off) - min(off) < 1e-12


def check_mnpo(cls: Any) -> None:
    solver = cls(TAU, ETA, 2, 0.5)  # weights 2/3 and 1/3
    blend = [p ** (2 / 3) * o ** (1 / 3) for p, o in zip(PI, OTHER, strict=True)]
    rates = [2 / 3 * a + 1 / 3 * b for a, b in zip(against(PI), against(OTHER), strict=True)]
    after = solver.step(GAME, (THETA, np.log(OTHER) - 0.2), NO_DRAWS)
    close(solver, after, mirror(blend, rates))
    assert len(after) == 2
    assert after[1] is THETA


def check_nash_rs(cls: Any) -> None:
    # y ~ ref is accepted with probability exp(-P(pi > y) / tau)
    accepted = [r * exp(-(1 - w) / TAU) for r, w in zip(REF, [0.605, 0.47, 0.48], strict=True)]
    one_step(cls(TAU, ETA), THETA, mirror(PI, against(normed(accepted))))


def check_nash_md(cls: Any) -> None:
    for solver, t, eta in (
        (cls(TAU, ETA), 3, ETA),
        (cls(TAU, schedule="decreasing"), 3, 2 / (TAU * 5)),
    ):
        c = eta * TAU
        mix = normed([p ** (1 - c) * r**c for p, r in zip(PI, REF, strict=True)])
        expected = [m * exp(eta * w) for m, w in zip(mix, against(mix), strict=True)]
        after = solver.step(GAME, (THETA, t), NO_DRAWS)
        close(solver, after, normed(expected))
        assert after[1] == t + 1


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    OnlineIpo1: check_online_ipo_1,
    OnlineIpo2: check_online_ipo_2,
    Inpo: check_inpo,
    NashMdPg: check_nash_md_pg,
    NashEma: check_nash_ema,
    Egpo: check_egpo,
    Mpo: check_mpo,
    Comal: check_comal,
    Mnpo: check_mnpo,
    NashRs: check_nash_rs,
    NashMd: check_nash_md,
}


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)
