"""Self-play: policy gradient of the policy against itself, on both answers of a pair.

Nash-MD-PG (Munos et al. 2023, arXiv:2312.00886) with mixture 0, as in their Section 6.3; the
regularised equilibrium is its fixed point.
"""

from dataclasses import dataclass, field

from torch import Tensor

from llm.learners.learner import kl_penalty, policy_gradient
from llm.learners.nash_md_pg import NashMdPg
from llm.rollout import Rollout


@dataclass(frozen=True)
class SelfPlayPg(NashMdPg):
    """L = mean over y and y' of -(P(y > y') - 1/2) log pi(y) + tau KL; y, y' ~ pi.

    In expectation this is nash_md_pg with mixture 0; each judged pair is used twice, with opposite
    signs.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty.
    kl_estimator : "k1", "k2" or "k3"
        See ``kl_penalty``; only k1 is the gradient of the KL.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    mixture: float = field(default=0.0, init=False)

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one pair of answers per prompt, (rows,)."""
        first, second = rollout.answers(), rollout.answers()
        advantage = rollout.prefer(first, second) - 0.5
        one, two = rollout.score(first), rollout.score(second)
        loss = policy_gradient(one, advantage) + policy_gradient(two, -advantage)
        penalty = kl_penalty(one, self.kl_estimator) + kl_penalty(two, self.kl_estimator)
        return (loss + self.tau * penalty) / 2
