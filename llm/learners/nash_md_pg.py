"""Nash-MD-PG: policy gradient against the geometric mixture of the policy and its reference.

Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886, Appendix F, Eq. (13).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from games import PreferenceGame
from games.game import Float
from llm.learners.learner import (
    KL_ESTIMATOR,
    Gradient,
    KlEstimator,
    Learner,
    kl_penalty,
    policy_gradient,
)
from llm.policy import Ids
from llm.rollout import Rollout
from llm.token_mixture import token_mixture_target
from solvers import Solution, require
from solvers.nash_md_pg import NashMdPg as Tabular
from solvers.sampling import NO_DRAWS
from solvers.solver import Concept, Open


@dataclass(frozen=True)
class NashMdPg(Learner):
    """L = -(P(y > y') - 1/2) log pi(y) + tau KL, y ~ pi, y' ~ pi^(1 - mixture) ref^mixture.

    The mixture is formed token by token, which equals the mixture of whole answers only if answers
    differ in their first token. With a fixed mixture > 0 the method does not converge to the
    regularised equilibrium: see the tabular nash_md_pg. Mixture 0 is self-play, mixture 1 gives
    the best response to the reference.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty; ``beta`` in TRL.
    mixture : float in [0, 1]
        Weight of the reference in the opponent's logits; ``mixture_coef`` in TRL, by default 0.5.
    kl_estimator : "k1", "k2" or "k3"
        See ``kl_penalty``; only k1 is the gradient of the KL.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    mixture: float = 0.0
    kl_estimator: KlEstimator = KL_ESTIMATOR
    concept: ClassVar[Concept] = "nlhf"
    solver: ClassVar[str] = "nash_md_pg"
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), mixture=(0, 1))

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one answer of the policy and one of the mixture per prompt, (rows,)."""
        answers = rollout.answers()
        parts = [(1 - self.mixture, rollout.policy), (self.mixture, rollout.reference)]
        opponents = rollout.answers([(weight, policy) for weight, policy in parts if weight > 0])
        scored = rollout.score(answers)
        advantage = rollout.prefer(answers, opponents) - 0.5
        penalty = kl_penalty(scored, self.kl_estimator)
        return policy_gradient(scored, advantage) + self.tau * penalty

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Minus the step of the tabular algorithm at step size 1."""
        del other
        return theta - Tabular(self.tau, self.mixture, eta=1.0).step(game, theta, NO_DRAWS), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution:
        """The fixed point of the tabular algorithm, with the mixture formed token by token."""
        if self.mixture in (0, 1):
            return Tabular(self.tau, self.mixture).target(game)
        return token_mixture_target(game, self.tau, self.mixture, ends)
