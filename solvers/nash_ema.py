"""Nash-EMA: mirror descent against an exponential moving average of past parameters.

Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886, Appendix F.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.mirror_descent import MirrorDescent
from solvers.solver import Open, require


@dataclass(frozen=True)
class NashEma(MirrorDescent):
    """theta <- (1 - eta tau) theta + eta tau log ref + eta P softmax(mean); the mean follows.

    Then mean <- (1 - rate) mean + rate theta; both are logits. The fixed point is the regularised
    equilibrium. The trap is that averaging can make it unstable: with kappa = rate / eta and small
    steps it is stable if and only if tau (tau + kappa)^2 > kappa omega^2, with omega as for
    online_ipo_1. Unless 2 tau > omega, then, there is an interval of kappa in which the policy
    cycles, and slower averaging is not always safer. The paper uses rate <= 0.001; we recall no
    theorem for the last iterate.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2 / tau]
        Step size in payoff units.
    rate : float in (0, 1]
        Weight of the new parameters in the mean; 1 for self-play, as online_ipo_1.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and step.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    eta: float = 0.1
    rate: float = 0.5
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, rate=(Open(0), 1))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, Float]:
        """Logits of the policy and their mean."""
        return game.log_ref, game.log_ref

    def step(
        self, game: PreferenceGame, state: tuple[Float, Float], rng: np.random.Generator
    ) -> tuple[Float, Float]:
        """One step against the mean, which then moves towards the new logits."""
        theta, mean = state
        opponent = np.exp(numerics.log_softmax(mean))
        theta = self.descend(game, theta, opponent, rng)
        return theta, (1 - self.rate) * mean + self.rate * theta
