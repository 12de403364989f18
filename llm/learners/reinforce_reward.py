"""REINFORCE on a reward, with the reward of a reference answer as the baseline.

Williams, Simple Statistical Gradient-Following Algorithms, Machine Learning 1992; the penalty is
that of Jaques et al. 2019 and later RLHF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

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
from llm.learners.rloo import Rloo
from llm.policy import Ids
from llm.rollout import Rollout
from solvers import Solution, require
from solvers.solver import Concept, Open


@dataclass(frozen=True)
class ReinforceReward(Learner):
    """L = -(r(y) - r(y')) log pi(y) + tau KL, y ~ pi, y' ~ ref.

    y' only reduces variance: a baseline that does not depend on y leaves the expected gradient
    unchanged. Unlike rloo it charges the KL token by token, without a baseline for it.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty, in reward units.
    kl_estimator : "k1", "k2" or "k3"
        See ``kl_penalty``; only k1 is the gradient of the KL.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    kl_estimator: KlEstimator = KL_ESTIMATOR
    concept: ClassVar[Concept] = "rlhf"
    solver: ClassVar[str] = "softmax_pg"
    paper: ClassVar[str] = "Williams 1992"
    needs: ClassVar[Literal["judge", "rewards", "dataset"]] = "rewards"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf))

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one answer per prompt, and one of the reference as the baseline, (rows,)."""
        answers, baseline = rollout.answers(), rollout.answers([(1.0, rollout.reference)])
        scored = rollout.score(answers)
        advantage = rollout.reward(answers) - rollout.reward(baseline)
        penalty = kl_penalty(scored, self.kl_estimator)
        return policy_gradient(scored, advantage) + self.tau * penalty

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """The gradient of rloo: neither baseline changes the expectation."""
        return Rloo(self.tau).tabular_gradient(game, theta, other)

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution:
        """The closed form of RLHF at the same tau, with the Bradley-Terry reward of the game."""
        return Rloo(self.tau).target(game, ends)
