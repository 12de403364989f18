"""Self-play: policy gradient of the policy against itself, both answers of a pair learning.

Nash-MD-PG (Munos et al. 2023, arXiv:2312.00886) with mixture 0, as in Section 6.3 there; the
regularised equilibrium is its fixed point.
"""

from dataclasses import dataclass, field

from torch import Tensor

from llm.learners.learner import kl_penalty, policy_gradient
from llm.learners.nash_md_pg import NashMdPg
from llm.rollout import Rollout


@dataclass(frozen=True)
class SelfPlayPg(NashMdPg):
    """L = mean over both answers of -(P(own > other) - 1/2) log pi(own) + tau KL; y, y' ~ pi.

    In expectation nash_md_pg with mixture 0; each judged pair teaches twice, with opposite signs.

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
        """One pair to every prompt."""
        own, other = rollout.answers(), rollout.answers()
        won = rollout.prefer(own, other) - 0.5
        scored = [rollout.score(own), rollout.score(other)]
        gains = policy_gradient(scored[0], won) + policy_gradient(scored[1], -won)
        costs = kl_penalty(scored[0], self.kl_estimator) + kl_penalty(scored[1], self.kl_estimator)
        return (gains + self.tau * costs) / 2
