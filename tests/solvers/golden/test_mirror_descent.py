"""Mirror descent on regularised NLHF: one step of each method by hand, and bugs that it notices."""

import itertools
from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import pytest

from solvers.comal import Comal
from solvers.egpo import Egpo
from solvers.inpo import Inpo
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_rs import NashRs
from solvers.online_ipo_1 import OnlineIpo1
from solvers.sampling import NO_DRAWS
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.regularised_game import (
    ETA,
    FOUR_PAIRS,
    GAME,
    OTHER,
    PI,
    REF,
    TAU,
    THETA,
    Weights,
    against,
    close,
    mirror,
    normed,
    one_step,
    scripted_pairs,
    softmax,
)


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
    solver, both = cls(TAU, ETA, samples=4), scripted_pairs(*FOUR_PAIRS)
    expected = [anchor[0] * exp(0.25 / 3), anchor[1], anchor[2] * exp(-0.25)]
    close(solver, solver.step(GAME, THETA, both), normed(expected))
    # 2 is not drawn: it keeps d = 0, and 0 and 1 share their difference of 0.25
    solver = cls(TAU, ETA, samples=1)
    only = scripted_pairs([[0, 0, 0], [1, 0, 0], [0, 0, 0]], np.zeros((3, 3)))
    expected = [anchor[0] * exp(0.125), anchor[1] * exp(-0.125), anchor[2]]
    close(solver, solver.step(GAME, THETA, only), normed(expected))


def check_mnpo(cls: Any) -> None:
    solver = cls(TAU, ETA, 2, 0.5)  # weights 2/3 and 1/3
    blend = [p ** (2 / 3) * o ** (1 / 3) for p, o in zip(PI, OTHER, strict=True)]
    rates = [2 / 3 * a + 1 / 3 * b for a, b in zip(against(PI), against(OTHER), strict=True)]
    after = solver.step(GAME, (THETA, np.log(OTHER) - 0.2), NO_DRAWS)
    close(solver, after, mirror(blend, rates))
    assert len(after) == 2
    assert after[1] is THETA
    newest = cls(TAU, ETA, 2, 0.5, "newest")
    after = newest.step(GAME, (THETA, np.log(OTHER) - 0.2), NO_DRAWS)
    close(newest, after, mirror(blend, against(PI)))


def check_nash_rs(cls: Any) -> None:
    # y ~ ref is accepted with probability exp(-P(pi > y) / tau)
    accepted = [r * exp(-(1 - w) / TAU) for r, w in zip(REF, [0.605, 0.47, 0.48], strict=True)]
    one_step(cls(TAU, ETA), THETA, mirror(PI, against(normed(accepted))))


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
    mix = normed([p**0.75 * r**0.25 for p, r in zip(PI, REF, strict=True)])
    after = cls(TAU, ETA, mixing=0.25).step(GAME, (THETA, 3), NO_DRAWS)
    close(cls(TAU, ETA), after, mirror(PI, against(mix)))


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


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    OnlineIpo1: check_online_ipo_1,
    Inpo: check_inpo,
    Mnpo: check_mnpo,
    NashRs: check_nash_rs,
    NashEma: check_nash_ema,
    Egpo: check_egpo,
    NashMd: check_nash_md,
    Mpo: check_mpo,
    Comal: check_comal,
}

MUTANTS = mutants({
    OnlineIpo1: [
        ("game.log_ref + eta * rates", "game.log_ref - eta * rates"),
        ("+ eta * tau * game.log_ref", ""),
        ("(1 - eta * tau) * theta", "theta"),
        ("return self.policy(state)", "return game.ref"),
    ],
    Inpo: [
        ("(won - lost)", "(won + lost)"),
        ("- won - lost", "- won"),
        ("eta / 2 *", "eta *"),
        ("fit = eta * game.win_rates(pi)", "fit = eta * game.win_rates(game.ref)"),
    ],
    Mnpo: [
        ("descend(game, logits,", "descend(game, state[0],"),
        ("return newest, *state[:-1]", "return newest, *state[1:]"),
        ('if self.opponents == "newest":', "if self.history > 9:"),
        ("numerics.log_softmax(state[0])", "numerics.log_softmax(state[1])"),
        ("decay ** (age if", "decay ** (-age if"),
        ("+ eta * tau * game.log_ref", ""),
    ],
    NashRs: [
        ("(game, self.policy(state), self.tau)", "(game, 1 - self.policy(state), self.tau)"),
        ("measures.best_response(game, self.policy(state), self.tau)", "self.policy(state)"),
        ("+ eta * rates", "- eta * rates"),
    ],
    NashEma: [
        ("opponent = np.exp(numerics.log_softmax(mean))", "opponent = self.policy(state)"),
        ("(1 - self.rate) * mean + self.rate", "self.rate * mean + (1 - self.rate)"),
        ("+ eta * tau * game.log_ref", ""),
    ],
    Egpo: [
        ("moved(self.policy(moved(self.policy(state))))", "moved(self.policy(state))"),
        ("moved(self.policy(state))))", "moved(game.ref)))"),
        ("(game.log_ref - state)", "-state"),
        ("pull + estimated", "pull - estimated"),
        ("game.n * nu *", "nu *"),
        ("game.ref if self.pairs", "opponent if self.pairs"),
        ("else opponent\n", "else self.policy(state)\n"),
        ("numerics.expectation(nu, gain)[..., None]", "gain.mean(-1)[..., None]"),
    ],
    NashMd: [
        ("return start + eta * rates", "return theta + eta * rates"),
        ("return start + eta * rates", "return log_mix + eta * rates"),
        ("(1 - self.mixing) * theta + self.mixing * log_ref",
         "self.mixing * theta + (1 - self.mixing) * log_ref"),
        ("rates = estimated_win_rates(game, np.exp(log_mix),",
         "rates = estimated_win_rates(game, self.policy(state),"),
        ("(t + 2))\n        log_ref", "(t + 1))\n        log_ref"),
        ("+ eta * rates", "- eta * rates"),
    ],
    Mpo: [
        ("/ (1 + pull)", ""),
        ("pull * magnet", "pull * game.log_ref"),
        ("(t + 1) % self.reset_every", "t % self.reset_every"),
        ("+ eta * rates", "- eta * rates"),
    ],
    Comal: [
        ("log_pi, self.tau", "np.log(game.ref.reshape(-1, n)), self.tau"),
        ("regularized_nash(P, ", "regularized_nash(1 - P, "),
        ("log_pi, self.tau", "log_pi, 2 * self.tau"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject])
