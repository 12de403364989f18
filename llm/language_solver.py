"""A learner as a solver: the solution of a game is the policy of a trained language model."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from games import PreferenceGame, SolverError
from games.measures import Mask
from llm import checkpoints, training
from llm.evaluation import (
    AnswerProbabilities,
    Evaluation,
    Point,
    answer_probabilities,
    with_references,
)
from llm.feedback import Feedback, GameFeedback
from llm.method import Method
from llm.models import TINY, fingerprint, with_lora
from llm.policy import Ids, Policy
from llm.sft import SftConfig, fine_tuned
from llm.tasks import Task, verbalize
from solvers import Solution, Solver, taus
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Reasons, solve_defined
from tabular import MatchedKl

Start = Literal["reference", "reversed"]


@dataclass(frozen=True)
class TrainedSolution(Solution):
    """The policy of a trained model, with the evaluation of the training.

    Attributes
    ----------
    evaluation : Evaluation or None
        The training, on the contexts that have an answer; None if none has.
    """

    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class LanguageSolver(Solver):
    """Fine-tune a model on the game's references, train it on the game, and evaluate its answers.

    Trainings are stored in ``folder``. Equal ones (same model, references, learner, parameters,
    feedback and seed) are done once, and one that was killed resumes from its last checkpoint.
    The solver trains in one process; for several, call ``llm.training.train`` in each, under
    ``accelerate launch``.

    ``tau``, ``tau_leader`` and ``tau_follower`` are those of the learner, where it has them. If the
    method has a ``kl`` instead, tau is one number for all contexts: that at which the exact answers
    of the learner's concept, on the game that is solved with the references of the model, are at
    that distance on average. Where it is out of reach nothing is trained, and the answer undefined.

    Attributes
    ----------
    method : Method
    game : PreferenceGame
        The model is fine-tuned on the references of this game, whichever game is solved.
    folder : Path
    seed : int
        Seed of all random numbers of the training.
    model : "tiny", a folder, or a name on the model hub
    sft : SftConfig
        How it is fine-tuned; with 0 steps its references are the answers of the model as it is.
    start : "reference" or "reversed"
        Initial policy: the reference, or a model tuned on the references in reversed order.
    lora : int >= 0
        Rank of LoRA adapters, which are then trained instead of all parameters; 0: no adapters.
    feedback : Feedback
        Source of the preferences that the learner learns from.
    progress : bool
        Show a progress bar on stderr.
    on_solved : callable
        Called with every solution, so that a caller of a tabular experiment gets them too.
    """

    method: Method
    game: PreferenceGame
    folder: Path
    seed: int
    model: str = TINY
    sft: SftConfig = field(default_factory=SftConfig)
    start: Start = "reference"
    lora: int = 0
    feedback: Feedback = field(default_factory=GameFeedback)
    progress: bool = False
    on_solved: Callable[[TrainedSolution], None] = lambda solution: None

    def __post_init__(self) -> None:
        for name in taus(type(self.method.learner)):
            value = getattr(self.method.learner, name) if self.method.kl is None else np.nan
            object.__setattr__(self, name, value)

    def at_tau(self, tau: float) -> "LanguageSolver":
        """A copy whose learner has every weight of a KL penalty set to ``tau``."""
        return replace(self, method=self.method.at_tau(tau))

    def counterpart(self, kind: type[Solver]) -> Solver:
        """A solver of the class ``kind`` with this learner's tau's, or at its ``kl``."""
        if self.method.kl is None:
            return super().counterpart(kind)
        return MatchedKl(kind, self.method.kl)

    @property
    def concept(self) -> Concept:  # type: ignore[override]  # the concept of the learner
        """The solution concept of the learner."""
        return self.method.concept

    def task(self, game: PreferenceGame, contexts: Mask | None = None) -> Task:
        """The game as a task, with the references of the fine-tuning.

        Parameters
        ----------
        game : PreferenceGame
            With the same answers as ``self.game``.
        contexts : bool array (...), optional
            Mask of the contexts to include; all if left out.
        """
        shape = (*game.batch, game.n)
        rows = np.exp(self.game.log_ref_follower(slice(None)))
        game = replace(
            game,
            ref=np.broadcast_to(self.game.ref, shape),
            ref_follower=np.broadcast_to(rows, (*shape, game.n)),
        )
        if contexts is not None and not contexts.all():
            game = game.at(contexts)
        return verbalize(game, choices=self.model != TINY)

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why a context has nothing to learn from, (...); "" where it has something."""
        return self.feedback.undefined(self.method.learner, game)

    def fine_tune(self, task: Task) -> Policy:
        """The model after supervised fine-tuning on the task, trained now or loaded."""
        return fine_tuned(self.model, task, self.sft)

    def solve(
        self, game: PreferenceGame, rng: np.random.Generator | None = None
    ) -> TrainedSolution:
        """Train on all contexts that provide feedback; the others have the status "undefined"."""
        del rng
        message = self.undefined(game)
        solver, tau = self, None
        if self.method.kl is not None:
            weight, reason = self._tau(game, message)
            message = np.where(message == "", reason, message)
            solver = self if reason or np.isnan(weight) else self.at_tau(weight)
            tau = np.where(message == "", weight, np.nan)
        defined = np.asarray(message == "")
        evaluation: Evaluation | None = None

        def train(part: PreferenceGame) -> Solution:
            nonlocal evaluation
            del part  # the same contexts, with the references of the fine-tuning, are in the task
            evaluation = solver._evaluate(self.task(game, defined), defined)
            return evaluation.solution

        answers = replace(solve_defined(train, game, message), tau=tau)
        solution = TrainedSolution(**vars(answers), evaluation=evaluation)
        self.on_solved(solution)
        return solution

    def _tau(self, game: PreferenceGame, message: Reasons) -> tuple[float, str]:
        """The tau at which the exact answers are at ``kl``, and why there is none."""
        exact, defined = self.method.exact(), np.asarray(message == "")
        if exact is None or not defined.any():
            return np.nan, ""
        task = self.task(game, defined)
        game, _ = self._referred(task)
        return exact.common_tau(game)

    def _referred(self, task: Task) -> tuple[PreferenceGame, Policy]:
        """The game with the references of the fine-tuned model, and that model."""
        reference = self.fine_tune(task).requires_grad_(False)  # which changes the rounding
        return with_references(task.game, answer_probabilities(task, reference)), reference

    def _evaluate(self, task: Task, defined: Mask) -> Evaluation:
        learner = self.method.learner
        game, reference = self._referred(task)
        completions = [reference.completion(answer) for answer in task.answers]
        self._require_room(completions)
        folder = self.folder / self._key(task)
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            status, curve = checkpoints.ended(folder) or self._train(task, reference, folder)
        tau = getattr(learner, "tau", 0.0)
        return Evaluation(
            game=game,
            concept=self.concept,
            status=status,
            curve=[_point(point) for point in curve],
            target=learner.target(game, completions),
            nash=NlhfExact(tau).solve(game) if self.concept == "nlhf" and tau > 0 else None,
            contexts=np.flatnonzero(defined).tolist() if defined.ndim else (),
        )

    def _key(self, task: Task) -> str:
        settings = (
            fingerprint(self.model),
            self.sft,
            self.start,
            self.lora,
            self.method,
            self.seed,
            self.feedback.identity(self.method.learner, task),
        )
        key = [*map(repr, settings), *task.prompts, *task.answers]
        key += [task.game.ref.tolist(), task.follower.tolist()]
        return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]

    def _require_room(self, completions: Sequence[Ids]) -> None:
        longest, limit = max(map(len, completions)), self.method.config.max_new_tokens
        if longest > limit:
            raise SolverError(
                f"LanguageSolver: an answer has {longest} tokens with its end, more than "
                f"max_new_tokens = {limit}, and could never be generated; set max_new_tokens"
            )

    def _train(
        self, task: Task, reference: Policy, folder: Path
    ) -> tuple[str, list[dict[str, Any]]]:
        """Status and curve of a training from the reference, or from the reversed references."""
        learner = self.method.learner
        judge = self.feedback.judge(learner, task, reference, self.folder)
        if self.start == "reversed":
            policy = self.fine_tune(task.reversed())
        else:
            policy = reference if self.lora else reference.copied().requires_grad_(True)
        if self.lora:
            policy = with_lora(policy, self.lora)
            if self.start == "reference":  # one model instead of two
                reference = policy.frozen()
        result = training.train(
            learner,
            policy,
            reference,
            judge,
            task.prompts,
            self.method.config,
            self.seed,
            folder,
            partial(_probabilities, task),
            self.feedback.data(learner, task, self.seed),
            self.progress,
        )
        return result.status, result.curve


def _probabilities(
    task: Task, step: int, policy: Policy, follower: Policy | None
) -> dict[str, Any]:
    del step
    probabilities = answer_probabilities(task, policy, follower)
    return {
        "leader": probabilities.leader.tolist(),
        "follower": probabilities.follower.tolist(),
    }


def _point(point: Mapping[str, Any]) -> Point:
    """A point of the stored curve, whose values are those of ``_probabilities``."""
    leader, follower = (np.array(point[role]) for role in ("leader", "follower"))
    return Point(point["step"], point["cost"], AnswerProbabilities(leader, follower))
