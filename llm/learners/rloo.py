"""RLOO: REINFORCE on a reward, with the mean of the other samples as the baseline.

Ahmadian et al., Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human
Feedback in LLMs, ACL 2024, arXiv:2402.14740.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from games import PreferenceGame
from games.game import Float
from llm.learners.learner import Gradient, Learner, policy_gradient
from llm.policy import Ids
from llm.rollout import Rollout
from solvers import Solution, require
from solvers.rlhf_exact import RlhfExact
from solvers.sampling import NO_DRAWS
from solvers.softmax_pg import SoftmaxPg
from solvers.solver import Concept


@dataclass(frozen=True)
class Rloo(Learner):
    """L = -mean_i (R_i - mean_{j != i} R_j) log pi(y_i), R = r(y) - tau log pi(y) / ref(y).

    y_1, ..., y_k ~ pi answer the same prompt, and R is held fixed. The KL penalty is part of the
    reward of the whole answer, so that the baseline takes its mean off too; TRL multiplies each
    token's log-ratio by that token's log-probability alone, which is not the gradient of the KL.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty, in reward units. TRL calls it beta.
    samples : int >= 2
        Answers to a prompt, k. TRL calls it num_generations.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    samples: int = 4
    concept: ClassVar[Concept] = "rlhf"
    solver: ClassVar[str] = "softmax_pg"
    paper: ClassVar[str] = "Ahmadian et al. 2024, arXiv:2402.14740"
    needs: ClassVar[Literal["judge", "rewards", "dataset"]] = "rewards"

    def __post_init__(self) -> None:
        require(self, tau=(1e-12, np.inf), samples=(2, 2**20))

    def loss(self, rollout: Rollout) -> Tensor:
        """K answers to every prompt, each against the others."""
        answers = rollout.answers(copies=self.samples)
        scored = rollout.score(answers)
        gains = rollout.reward(answers) - self.tau * scored.log_ratio.detach()
        gains = gains.reshape(self.samples, -1)
        others = (gains.sum(0) - gains) / (self.samples - 1)
        losses = policy_gradient(scored, (gains - others).reshape(-1))
        return losses.reshape(self.samples, -1).mean(0)

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Minus the step of the softmax policy gradient at step size 1."""
        del other
        tabular = SoftmaxPg(self.tau, eta=1.0)
        before = theta, tabular.init(game, NO_DRAWS)[1]
        slope = theta - tabular.step(game, before, NO_DRAWS)[0]
        return slope - slope.mean(-1, keepdims=True), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution:
        """The closed form of RLHF at the same tau, with the Bradley-Terry reward of the game."""
        del ends
        return RlhfExact(self.tau).solve(game)
