"""``Learner``, the interface of every loss that language models are trained on; parts of losses."""

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
"""The default of every learner; the only estimator that gives the gradient of the KL."""

Gradient = tuple[Float, Float | None]
"""Gradient in the logits of the leader (..., n), and of the follower (..., n, n) or None."""


class Learner:
    """A loss on completions; subclasses are frozen dataclasses.

    The fields are the hyper-parameters. A subclass overrides ``loss``, ``tabular_gradient`` and
    ``target``.

    Attributes
    ----------
    concept : "rlhf", "nlhf", "slhf" or "other"
    solver : str
        Registry name of the tabular algorithm that has the same gradient, in expectation.
    paper : str
    needs : "judge", "rewards" or "dataset"
        What it learns from: a judge's preferences, a judge's scalar scores, or comparisons.
    extragradient : bool
        Whether each step is preceded by a trial step from the same parameters, whose policy is then
        the opponent.
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
        """Steps after which ``rollout.previous`` is set to the policy; 0 if the loss needs none."""
        return 0

    @property
    def separate_follower(self) -> bool:
        """Whether the follower has separate parameters, with ``kappa`` times the learning rate."""
        return False

    def loss(self, rollout: Rollout) -> Tensor:
        """The loss of each row, (rows,); the training minimises the mean."""
        raise NotImplementedError

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Gradient of the expected loss in the logits of the answers.

        Parameters
        ----------
        game : PreferenceGame
            With the references of the model.
        theta : float array (..., n), or a pair (..., n) and (..., n, n) for leader and follower
        other : float array (..., n)
            Logits of ``rollout.opponent`` or ``rollout.previous``, for learners that have one.
        """
        raise NotImplementedError

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """What the learner converges to; None if no single policy is its limit.

        Parameters
        ----------
        game : PreferenceGame
            With the references of the model.
        ends : n token sequences
            The answers as tokens, for learners whose limit depends on how they branch.
        """
        raise NotImplementedError


def policy_gradient(scored: Scored, reward: Tensor) -> Tensor:
    """-reward log pi(y), (rows,); with y ~ pi its gradient is minus that of the expected reward."""
    return -reward.detach() * scored.policy.sum(-1)


def kl_penalty(scored: Scored, estimator: KlEstimator = KL_ESTIMATOR) -> Tensor:
    """KL penalty (rows,) whose gradient, with y ~ pi, is that of KL(pi | ref) for "k1" alone.

    "k1": sum_t [sum_{s >= t} log pi_s / ref_s] log pi_t, without gradient through the bracket: a
    token is charged for all that follows from it. "k2" and "k3" weight each token by u^2 / 2 and
    exp(-u) - 1 + u, u = log pi_t / ref_t, as published scripts do; used as weights of the score
    function, they do not give the gradient of a KL. For answers of one token, k3 gives the
    gradient of KL(pi | ref) - KL(ref | pi), which cancels near the reference.

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
