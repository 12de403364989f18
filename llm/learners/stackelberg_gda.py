"""StackelbergGDA: gradient steps of a leader, and of a follower that revises its answer.

Pasztor et al., Stackelberg Learning from Human Feedback, 2025, arXiv:2512.16626, Algorithm 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from games import PreferenceGame, numerics
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
from solvers import Solution, require
from solvers.sampling import NO_DRAWS
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept, Open
from solvers.stackelberg_npg import StackelbergNpg


@dataclass(frozen=True)
class StackelbergGda(Learner):
    """L = L_leader + kappa L_follower on y ~ pi, y' ~ omega(.|y), q = P(y > y').

    L_leader = -(q - 1/2 + tau_follower log omega(y'|y) / ref(y'|y)) log pi(y) + tau_leader KL,
    L_follower = -(1/2 - q) log omega(y'|y) + tau_follower KL. The leader's reward includes its
    follower's KL, as the objective says: the follower minimises P + tau_follower KL. Published
    code leaves that term out; its leader then converges to ref exp(E_omega P / tau_leader) instead
    of ref exp(V / tau_leader). A row of the follower learns in proportion to the probability that
    the leader gives that answer.

    Attributes
    ----------
    tau_leader, tau_follower : float >= 0
        Weights of the KL penalties.
    kappa : float > 0
        Weight of the follower's loss; with a separate follower, the ratio of its learning rate to
        the leader's.
    separate : bool
        Whether the follower has parameters of its own.
    kl_estimator : "k1", "k2" or "k3"
        See ``kl_penalty``; only k1 is the gradient of the KL.
    as_published : bool
        Leave the follower's KL out of the leader's reward.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau_leader: float = 0.1
    tau_follower: float = 0.1
    kappa: float = 5.0
    separate: bool = False
    kl_estimator: KlEstimator = KL_ESTIMATOR
    as_published: bool = False
    concept: ClassVar[Concept] = "slhf"
    solver: ClassVar[str] = "stackelberg_npg"
    paper: ClassVar[str] = "Pasztor et al. 2025, arXiv:2512.16626"

    def __post_init__(self) -> None:
        least = 1e-12 if self.as_published else 0  # its target divides by tau_leader
        require(self, tau_leader=(least, np.inf), tau_follower=(0, np.inf), kappa=(Open(0), np.inf))

    @property
    def separate_follower(self) -> bool:
        """Whether the follower has separate parameters: the field ``separate``."""
        return self.separate

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss on one answer per prompt and one revision of it, (rows,)."""
        answers = rollout.answers()
        revisions = rollout.revisions(answers)
        lead, follow = rollout.score(answers), rollout.score(revisions, rollout.follower)
        q = rollout.prefer(answers, revisions)
        reward = q - 0.5
        if not self.as_published:
            reward = reward + self.tau_follower * follow.log_ratio.detach()
        leader = policy_gradient(lead, reward)
        leader = leader + self.tau_leader * kl_penalty(lead, self.kl_estimator)
        follower = policy_gradient(follow, 0.5 - q)
        follower = follower + self.tau_follower * kl_penalty(follow, self.kl_estimator)
        return leader + (1.0 if self.separate else self.kappa) * follower

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Minus the softmax step of the tabular algorithm at step size 1, for both players."""
        del other
        kappa = 1.0 if self.separate else self.kappa
        tabular = StackelbergNpg(self.tau_leader, self.tau_follower, 1.0, kappa, "softmax")
        before = tuple(numerics.log_softmax(x) for x in theta)
        leader, follower = (
            a - b - (a - b).mean(-1, keepdims=True)
            for a, b in zip(before, tabular.step(game, before, NO_DRAWS), strict=True)
        )
        if self.as_published:
            kl = self.tau_follower * numerics.kl(before[1], game.log_ref_follower(slice(None)))
            pi = np.exp(before[0])
            leader = leader + pi * (kl - (pi * kl).sum(-1, keepdims=True))
        return leader, follower

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution:
        """The closed form of SLHF; as published, its leader is ref exp(E_omega P / tau_leader)."""
        del ends
        exact = SlhfExact(self.tau_leader, self.tau_follower).solve(game)
        if not self.as_published or exact.follower is None:
            return exact
        reward = (exact.follower * game.P).sum(-1)
        log_leader = numerics.log_softmax(game.log_ref + reward / self.tau_leader)
        return replace(exact, log_policy=log_leader)
