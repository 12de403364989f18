"""Exact answer probabilities of a policy, and their distance from the learner's target.

A metric of language models is defined in ``Evaluation._metrics``, with a line in
``results/metrics.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from games import PreferenceGame, measures, numerics
from games.game import Float
from llm.policy import Policy
from llm.tasks import Task
from llm.tasks.task import conversations
from solvers import Certificate, Solution
from solvers.solver import Concept
from tabular.experiment import Measurement, each


@dataclass(frozen=True)
class AnswerProbabilities:
    """Log-probabilities of the answers of a task; the rest of the mass is on invalid answers.

    Attributes
    ----------
    leader : float array (..., n)
    follower : float array (..., n, n)
    """

    leader: Float
    follower: Float

    @property
    def log_policy(self) -> Float:
        """The leader's log-probabilities, normalised over the listed answers, (..., n)."""
        return np.asarray(numerics.log_softmax(self.leader))

    @property
    def follower_policy(self) -> Float:
        """The follower's probabilities, normalised over the listed answers, (..., n, n)."""
        return np.asarray(np.exp(numerics.log_softmax(self.follower)))

    @property
    def invalid_mass(self) -> Float:
        """Probability (...,) that the leader gives an answer that is not listed."""
        return np.asarray(np.maximum(0.0, 1 - np.exp(self.leader).sum(-1)))

    @property
    def follower_invalid_mass(self) -> Float:
        """Probability (...,) of an invalid revision, the mean over the answers that are revised."""
        return np.asarray(np.maximum(0.0, 1 - np.exp(self.follower).sum(-1)).mean(-1))


@torch.no_grad()
def answer_probabilities(
    task: Task, leader: Policy, follower: Policy | None = None
) -> AnswerProbabilities:
    """Log-probability of every answer to every prompt, and of every revision of every answer.

    Parameters
    ----------
    task : Task
    leader : Policy
    follower : Policy, optional
        A follower with separate parameters; by default the leader plays both roles.
    """
    contexts, completions = conversations(task, leader)
    shape = (*task.game.batch, task.game.n)
    split = len(task.prompts) * task.game.n
    answers = leader.log_probs(contexts[:split], completions[:split])
    revisions = (follower or leader).log_probs(contexts[split:], completions[split:])
    return AnswerProbabilities(
        answers.double().cpu().numpy().reshape(shape),
        revisions.double().cpu().numpy().reshape(*shape, task.game.n),
    )


def with_references(game: PreferenceGame, probabilities: AnswerProbabilities) -> PreferenceGame:
    """The game with these probabilities, normalised over the listed answers, as references."""
    ref = np.exp(probabilities.log_policy)
    return replace(game, ref=ref, ref_follower=probabilities.follower_policy, known=())


@dataclass(frozen=True)
class Point:
    """A point of the curve of a training.

    Attributes
    ----------
    step : int
    cost : mapping of str to float
        The fields of ``Cost``, spent up to this step.
    probabilities : AnswerProbabilities
    """

    step: int
    cost: Mapping[str, float]
    probabilities: AnswerProbabilities


@dataclass(frozen=True)
class Evaluation:
    """The curve of a training that has ended, and what it is compared with.

    Attributes
    ----------
    game : PreferenceGame
        With the references of the model, measured before the training.
    concept : Concept
        The learner's; "slhf" has a follower.
    status : "ok" or "diverged"
    curve : sequence of Point
        From before the first step to after the last one.
    target : Solution or None
        What the learner should converge to on that game.
    nash : Solution or None
        The regularised equilibrium at the same tau, for learners of NLHF.
    contexts : sequence of int
        Indices of these contexts in the game that was to be solved; empty if it has none.
    """

    game: PreferenceGame
    concept: Concept
    status: str
    curve: Sequence[Point]
    target: Solution | None
    nash: Solution | None
    contexts: Sequence[int]

    @property
    def solution(self) -> Solution:
        """The policy at the end of the training, normalised over the listed answers.

        A trained model has no certificate: the residual is NaN.
        """
        end = self.curve[-1].probabilities
        return Solution(
            end.log_policy,
            Certificate("none: a trained model", np.full(self.game.batch, np.nan), 0.0),
            end.follower_policy if self.concept == "slhf" else None,
            np.full(self.game.batch, self.status),
        )

    def measurements(self, **labels: Any) -> Iterator[Measurement]:
        """Invalid mass, distances and cost at every point, and the distances of follower rows."""
        end = self.solution
        for point in self.curve:
            for metric, value, reason in self._metrics(point.probabilities):
                for m in each(metric, value, self.game, end, reason, **labels):
                    yield replace(m, step=point.step, context=self._context(m))
            for name, cost in point.cost.items():
                metric = "optimizer_steps" if name == "steps" else name
                yield Measurement(metric, float(cost), labels=labels, step=point.step)
        if self.target is not None and self.target.follower is not None:
            rows = numerics.total_variation(end.follower, self.target.follower)
            reason = self.target.message
            for i, action in enumerate(self.game.names):
                value, indexed = rows[..., i], {"action": action, **labels}
                for m in each("row_tv", value, self.game, end, reason, **indexed):
                    yield replace(m, context=self._context(m))

    def _context(self, m: Measurement) -> int | None:
        return None if m.context is None else self.contexts[m.context]

    def _metrics(
        self, probabilities: AnswerProbabilities
    ) -> Iterator[tuple[str, Float, ArrayLike]]:
        """Name, values (...), and the reason where what they are compared with is undefined."""
        log_policy = probabilities.log_policy
        policy = np.exp(log_policy)
        yield "off_list_mass", probabilities.invalid_mass, ""
        yield "duality_gap", measures.duality_gap(self.game, policy), ""
        yield "kl_to_ref", measures.kl_to_ref(self.game, policy), ""
        if self.nash is not None:
            distance = numerics.total_variation(policy, self.nash.policy)
            yield "tv_to_nash", distance, self.nash.message
        if self.target is None:
            return
        goal, reason = self.target.policy, self.target.message
        yield "tv_to_target", numerics.total_variation(policy, goal), reason
        yield "kl_to_target", numerics.kl(self.target.log_policy, log_policy), reason
        if self.target.follower is not None:
            rows = numerics.total_variation(probabilities.follower_policy, self.target.follower)
            yield "follower_tv", (goal * rows).sum(-1), reason
            yield "follower_off_list_mass", probabilities.follower_invalid_mass, ""
