"""Softmax policy gradient on a Bradley-Terry reward, exactly or by leave-one-out REINFORCE.

Ahmadian et al., Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human
Feedback in LLMs, ACL 2024, arXiv:2402.14740; exact gradients: Mei et al. 2020, arXiv:2005.06392.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.reward_ascent import RewardAscent
from solvers.rlhf_exact import RlhfExact
from solvers.sampling import SAMPLES
from solvers.solver import Open, Solution, require


@dataclass(frozen=True)
class SoftmaxPg(RewardAscent):
    """theta <- theta + eta pi (a - pi . a), with a = r - tau log(pi / ref).

    This is the gradient of E r - tau KL(pi | ref) in the logits. It reaches the same policy as the
    natural gradient but at a rate of the order eta tau min pi, so answers that should become
    likely and start rare do so late (linear with such a constant, as recalled from Mei et al., not
    re-derived). It is locally stable for eta tau lambda < 2, with lambda <= 1/2 the largest
    eigenvalue of diag pi - pi pi^T at the solution, so always below eta = 4 / tau.

    With samples = k > 0 the gradient is estimated from k answers y ~ pi (RLOO): the mean over the
    sample of (R(y) - mean R of the k - 1 others) times the score, with R = r - tau log(pi / ref)
    a constant in the gradient. The estimate is unbiased; and as every answer has the same R at the
    solution, its noise vanishes at the solution, so that a constant eta converges.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, in reward units (log-odds).
    eta : float > 0
        Step size.
    samples : int, 0 or >= 2
        Answers drawn in each step; 0 for the exact gradient. TRL calls it num_generations.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    eta: float = 1.0
    samples: int = 0
    paper: ClassVar[str] = "Ahmadian et al. 2024, arXiv:2402.14740"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), np.inf), samples=SAMPLES)
        if self.samples == 1:
            raise SolverError("SoftmaxPg: samples is 1, expected 0 or at least 2 to leave one out")

    def target(self, game: PreferenceGame) -> Solution:
        """The closed form of RLHF at the same tau."""
        return RlhfExact(self.tau).solve(game)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator
    ) -> tuple[Float, Float]:
        """The state after one step along the gradient, or along its estimate."""
        log_pi, r = numerics.log_softmax(state[0]), state[1]
        pi, reward = np.exp(log_pi), r - self.tau * (log_pi - game.log_ref)
        if self.samples == 0:
            slope = pi * (reward - numerics.expectation(pi, reward)[..., None])
        else:
            k, drawn = self.samples, rng.multinomial(self.samples, pi)
            # the rewards less their leave-one-out means sum to 0, so the scores' -pi drops out
            slope = drawn * (k * reward - (drawn * reward).sum(-1, keepdims=True)) / (k * (k - 1))
        return log_pi + self.eta * slope, r
