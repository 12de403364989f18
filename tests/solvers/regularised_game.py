"""A generic game and state, and the pieces of which steps of regularised NLHF consist, by hand."""

from math import exp
from typing import Any

import numpy as np

from games import PreferenceGame
from solvers.iterative import IterativeSolver
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


class Scripted:
    """A generator whose draws are given: counts, then how many of each were won."""

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


def scripted_pairs(drawn: Any, won: Any) -> Any:
    return Scripted(drawn, won, np.outer(PI, PI), P)


# 0 meets 1 three times and wins twice, 2 meets 1 once and loses
FOUR_PAIRS = ([[0, 2, 0], [1, 0, 0], [0, 1, 0]], [[0, 2, 0], [1, 0, 0], [0, 0, 0]])


def close(solver: IterativeSolver, state: Any, expected: Weights, atol: float = 1e-13) -> None:
    np.testing.assert_allclose(solver.policy(state), expected, rtol=0, atol=atol)


def one_step(solver: IterativeSolver, state: Any, expected: Weights, atol: float = 1e-13) -> None:
    close(solver, solver.step(GAME, state, NO_DRAWS), expected, atol)
