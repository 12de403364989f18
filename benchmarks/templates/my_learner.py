"""My learner: what it is, by whom, where.

Authors, title, year, arXiv id or venue.

Try it:  prefgames check my_learner.py
Run it:  prefgames run llm_quick --learner my_learner.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from games import PreferenceGame, numerics
from games.game import Float
from llm.learners.learner import Gradient, Learner, kl_penalty, policy_gradient
from llm.policy import Ids
from llm.rollout import Rollout
from solvers import Solution, require
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Open


# The class is the file's name in CamelCase. Its fields are the parameters, each with a default;
# they can be set on the command line (-p tau=0.2) and in specs, as can those of the training
# (steps, batch_size, lr, ...).
@dataclass(frozen=True)
class MyLearner(Learner):
    """L = -(P(y > y') - 1/2) log pi(y) + tau KL(pi | ref), y, y' ~ pi.

    The policy plays against itself: say here what it converges to, and what it does not.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty.

    Raises
    ------
    SolverError
        If tau is out of range.
    """

    tau: float = 0.1

    # The claims; `prefgames check` tests them.
    concept: ClassVar[Concept] = "nlhf"  # or "rlhf", "slhf", "other"
    solver: ClassVar[str] = "nash_md_pg"  # the tabular algorithm with the same gradient
    paper: ClassVar[str] = "unpublished"  # authors, year, arXiv id or venue
    needs: ClassVar[Literal["judge", "rewards", "dataset"]] = "judge"  # what it learns from

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf))

    # One number a row, with gradient; the training descends their mean. `rollout` draws answers,
    # asks the judge and scores texts under the policy and its reference, and counts all of it.
    def loss(self, rollout: Rollout) -> Tensor:
        """Two answers to every prompt; the gradient is that of the first."""
        first, second = rollout.answers(), rollout.answers()
        scored = rollout.score(first)
        reward = policy_gradient(scored, rollout.prefer(first, second) - 0.5)
        return reward + self.tau * kl_penalty(scored)

    # The same on a table: the gradient of the expected loss in the logits of the answers, and in
    # those of the revisions if there is a follower. Checks compare the two.
    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """-pi (A - <pi, A>) with A = P pi - tau log(pi / ref)."""
        del other
        log_pi = numerics.log_softmax(theta)
        pi = np.exp(log_pi)
        gain = game.win_rates(pi) - self.tau * (log_pi - game.log_ref)
        return -pi * (gain - numerics.expectation(pi, gain)[..., None]), None

    # What it converges to, by another route; None if that is not known. `ends` are the tokens of
    # the answers, for learners to which it matters how texts branch.
    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution:
        """The regularised equilibrium, from the exact solver."""
        del ends
        return NlhfExact(self.tau).solve(game)
