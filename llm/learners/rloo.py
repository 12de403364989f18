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
from solvers.solver import Concept, Open


@dataclass(frozen=True)
class Rloo(Learner):
    """L = -mean_i (R_i - mean_{j != i} R_j) log pi(y_i), R = r(y) - tau log pi(y) / ref(y).

    y_1, ..., y_k ~ pi answer the same prompt, and no gradient flows through R. The KL penalty is
    part of the reward of the whole answer, so that the baseline covers it too; TRL multiplies each
    token's log-ratio by that token's log-probability alone, which is not the gradient of the KL.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty, in reward units; ``beta`` in TRL.
    samples : int >= 2
        Answers per prompt, k; ``num_generations`` in TRL.

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
        require(self, tau=(Open(0), np.inf), samples=(2, 2**20))

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on k answers per prompt, the mean over them, (rows,)."""
        answers = rollout.answers(copies=self.samples)
        scored = rollout.score(answers)
        rewards = rollout.reward(answers) - self.tau * scored.log_ratio.detach()
        rewards = rewards.reshape(self.samples, -1)
        baseline = (rewards.sum(0) - rewards) / (self.samples - 1)
        losses = policy_gradient(scored, (rewards - baseline).reshape(-1))
        return losses.reshape(self.samples, -1).mean(0)

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Minus the step of the softmax policy gradient at step size 1."""
        del other
        tabular = SoftmaxPg(self.tau, eta=1.0)
        before = theta, tabular.init(game, NO_DRAWS)[1]
        gradient = theta - tabular.step(game, before, NO_DRAWS)[0]
        return gradient - gradient.mean(-1, keepdims=True), None

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution:
        """The closed form of RLHF at the same tau, with the Bradley-Terry reward of the game."""
        del ends
        return RlhfExact(self.tau).solve(game)
