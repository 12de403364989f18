"""What a learner is: a loss whose gradient language models descend; and the parts of losses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from games import PreferenceGame, SolverError
from games.game import Float
from llm.policy import Ids
from llm.rollout import Rollout, Scored
from solvers import Solution
from solvers.solver import Concept

KlEstimator = Literal["k1", "k2", "k3"]

KL_ESTIMATOR: KlEstimator = "k1"
"""The default of every learner; the only one that is the gradient of the KL."""

Gradient = tuple[Float, Float | None]
"""In the logits of the leader (..., n), and of the follower (..., n, n) where there is one."""


class Learner:
    """A frozen dataclass whose fields are the hyper-parameters; subclasses override ``loss``.

    Attributes
    ----------
    concept : "rlhf", "nlhf", "slhf" or "other"
    solver : str
        Registry name of the tabular algorithm whose gradient this one's is, in expectation.
    paper : str
    needs : "judge", "rewards" or "dataset"
        What it learns from: a judge's preferences, a judge's scalar scores, or comparisons.
    extragradient : bool
        Whether each step is taken twice from the same place, the second time against the policy
        after the first.
    """

    concept: ClassVar[Concept] = "other"
    solver: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    needs: ClassVar[Literal["judge", "rewards", "dataset"]] = "judge"
    extragradient: ClassVar[bool] = False

    if TYPE_CHECKING:  # subclasses are dataclasses: their fields are the keywords

        def __init__(self, *args: Any, **params: Any) -> None: ...

    @property
    def refresh_every(self) -> int:
        """After how many steps ``rollout.previous`` becomes the policy; 0: it is not kept."""
        return 0

    @property
    def separate_follower(self) -> bool:
        """Whether the follower has parameters of its own, learning ``kappa`` times as fast."""
        return False

    def loss(self, rollout: Rollout) -> Tensor:
        """A loss a row, (rows,); its mean is descended."""
        raise NotImplementedError

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Gradient of the expected loss in the logits of the answers.

        Parameters
        ----------
        game : PreferenceGame
            With the model's own references.
        theta : float array (..., n), or that and one (..., n, n) for leader and follower
        other : float array (..., n)
            Logits of ``rollout.opponent`` or ``rollout.previous``, for learners that have one.
        """
        raise NotImplementedError

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """What it converges to on a game whose references are the model's own; None: nothing.

        ``ends`` are the tokens of the answers, for learners to which it matters how they branch.
        """
        raise NotImplementedError


def policy_gradient(scored: Scored, reward: Tensor) -> Tensor:
    """-reward log pi(y), (rows,): its gradient is minus that of the expected reward, y ~ pi."""
    return -reward.detach() * scored.policy.sum(-1)


def kl_penalty(scored: Scored, estimator: KlEstimator = KL_ESTIMATOR) -> Tensor:
    """(rows,); with y ~ pi, the gradient of its mean is that of KL(pi | ref) for "k1" alone.

    "k1": sum_t [sum_{s >= t} log pi_s / ref_s] log pi_t, the bracket kept fixed: every token is
    charged for what follows from it. "k2" and "k3" weigh each token by its own u^2 / 2 and
    exp(-u) - 1 + u, u = log pi_t / ref_t, as published scripts do: as weights of a score function
    these give neither gradient of KL. For one token a text, k3's is that of KL(pi | ref) -
    KL(ref | pi), which cancels near the reference.

    Raises
    ------
    SolverError
        If the estimator is unknown.
    """
    ratio = (scored.policy - scored.reference).detach()
    if estimator == "k1":
        weight = ratio.flip(-1).cumsum(-1).flip(-1)
    elif estimator == "k2":
        weight = ratio**2 / 2
    elif estimator == "k3":
        weight = torch.expm1(-ratio.clamp(-40, 40)) + ratio
    else:
        raise SolverError(f"kl_estimator is {estimator!r}, expected k1, k2 or k3")
    return (weight * scored.policy).sum(-1)
