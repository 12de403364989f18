"""Policy gradients on regularised NLHF: one step of each method by hand, and bugs it notices."""

from collections.abc import Callable
from math import log
from typing import Any

import pytest

from solvers.nash_md_pg import NashMdPg
from solvers.online_ipo_2 import OnlineIpo2
from solvers.sampling import NO_DRAWS
from tests.mutants import Mutant, assert_noticed, mutants
from tests.solvers.regularised_game import (
    ETA,
    FOUR_PAIRS,
    GAME,
    PI,
    REF,
    TAU,
    THETA,
    P,
    Scripted,
    against,
    close,
    normed,
    one_step,
    scripted_pairs,
    softmax,
)


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
    close(solver, solver.step(GAME, THETA, scripted_pairs(*FOUR_PAIRS)), expected)


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
    solver, rng = cls(TAU, 0.0, ETA, 5), Scripted([1, 3, 1], [1, 1, 0], PI, [0.605, 0.47, 0.48])
    close(solver, solver.step(GAME, THETA, rng), expected)


CHECKS: dict[type[Any], Callable[[Any], None]] = {
    OnlineIpo2: check_online_ipo_2,
    NashMdPg: check_nash_md_pg,
}

MUTANTS = mutants({
    OnlineIpo2: [
        ("slope = 4 * pi * (", "slope = 4 * ("),
        ("- 0.5) / self.tau", "- 0.5)"),
        ("h = log_pi - game.log_ref", "h = log_pi"),
        ("return np.asarray(state - ", "return np.asarray(state + "),
        ("- 1 / (2 * self.tau))", "- 1 / self.tau)"),
        ("error.sum(-1) - error.sum(-2)", "error.sum(-2) - error.sum(-1)"),
    ],
    NashMdPg: [
        ("(1 - self.mixture) * log_pi + self.mixture",
         "self.mixture * log_pi + (1 - self.mixture)"),
        ("(log_pi - game.log_ref)", "(log_pi - mix)"),
        ("given = drawn / self.samples", "given = pi"),
        ("won = pi, pi * rates", "won = pi, rates"),
        ("reward - pi * reward", "reward - reward"),
    ],
})  # fmt: skip
MUTANTS += [Mutant(
    OnlineIpo2, "first + np.swapaxes(drawn - first, -1, -2)", "first + (drawn - first)",
    "solvers.sampling",
)]  # fmt: skip


@pytest.mark.parametrize("cls", CHECKS)
def test_one_step_by_hand(cls: type[Any]) -> None:
    CHECKS[cls](cls)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject])
