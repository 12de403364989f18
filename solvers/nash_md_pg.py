"""Nash-MD-PG: policy gradient against the geometric mixture of the policy and the reference.

Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886, Appendix F, Eq. (13).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import measures, numerics
from games.game import Float, PreferenceGame
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import SAMPLES
from solvers.solver import Certificate, Concept, Open, Solution, require


@dataclass(frozen=True)
class NashMdPg(IterativeSolver):
    """theta <- theta + eta E [P(y > m) - 1/2 - tau log pi(y)/ref(y)] grad log pi(y), y ~ pi.

    The opponent m is proportional to pi^(1 - mixture) ref^mixture, of whole answers (language
    models mix token by token, which is not the same). A fixed mixture > 0 does not lead to the
    regularised equilibrium: m is the equilibrium at tau / (1 - mixture), and pi the best response
    to it at tau. Mixture 0 is self-play, mixture 1 the best response to ``ref``. It is slow:
    answers move at a rate of about eta tau pi(y).

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``. TRL calls it beta.
    mixture : float in [0, 1]
        Weight of the reference in the opponent's logits. TRL calls it mixture_coef (0.5); the paper
        tries 0, 0.125, ..., 1.
    eta : float > 0, or None for 2 tau / (tau^2 + 1/4)
        Step size in payoff units.
    samples : int >= 0; 0 for the expected gradient
        Answers a step, each with one opponent and one binary label.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    mixture: float = 0.125
    eta: float | None = None
    samples: int = 0
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), mixture=(0, 1), eta=(Open(0), np.inf), samples=SAMPLES)

    @property
    def step_size(self) -> float:
        """``eta``, or the default where that is None."""
        return 2 * self.tau / (self.tau**2 + 0.25) if self.eta is None else self.eta

    def target(self, game: PreferenceGame) -> Solution:
        """Best response at tau to the equilibrium at tau / (1 - mixture), or to ``ref``."""
        if self.mixture == 1:
            reply = measures.best_response(game, game.ref, self.tau)
            closed_form = Certificate("closed form", np.zeros(game.batch), 0.0)
            return Solution(numerics.log(reply), closed_form)
        opponent = NlhfExact(self.tau / (1 - self.mixture)).solve(game)
        reply = measures.best_response(game, opponent.policy, self.tau)
        return Solution(numerics.log(reply), opponent.certificate)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """The logits after one policy-gradient step."""
        log_pi = numerics.log_softmax(state)
        pi = np.exp(log_pi)
        mix = numerics.log_softmax((1 - self.mixture) * log_pi + self.mixture * game.log_ref)
        rates = game.win_rates(np.exp(mix))
        if self.samples == 0:
            given, won = pi, pi * rates
        else:
            drawn = rng.multinomial(self.samples, pi / pi.sum(-1, keepdims=True))
            given = drawn / self.samples
            won = rng.binomial(drawn, np.clip(rates, 0, 1)) / self.samples
        reward = won - given * (0.5 + self.tau * (log_pi - game.log_ref))
        gradient = reward - pi * reward.sum(-1, keepdims=True)
        return np.asarray(state + self.step_size * gradient)
