"""A learner as a solver: its answer to a game is what a language model says after training."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from games import PreferenceGame, SolverError, measures, numerics
from games.game import Float
from llm import checkpoints, training
from llm.base_model import TINY, Lessons, adapted, fingerprint, taught
from llm.judging import Judging, Truth
from llm.method import Method
from llm.policy import Policy
from llm.tasks.verbalized import Spoken, Verbalized, spoken, verbalize
from solvers import Certificate, Solution, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Reasons, solve_defined
from tabular.experiment import Measurement, each

Start = Literal["reference", "reversed"]


@dataclass(frozen=True)
class Training:
    """A training that has ended, seen from the game.

    Attributes
    ----------
    game : PreferenceGame
        With the model's own references, measured before the training.
    concept : Concept
        The learner's; "slhf" has a follower.
    target : Solution or None
        Where the learner should have gone on that game.
    status : "ok" or "diverged"
    curve : list of dict
        ``step``, ``account`` (of what was spent so far) and ``spoken`` at points of the training.
    nash : Solution or None
        The regularised equilibrium at the same tau, for learners of NLHF.
    contexts : sequence of int, optional
        Which contexts of the game that was asked about these are, where some have no answer.
    """

    game: PreferenceGame
    concept: Concept
    target: Solution | None
    status: str
    curve: list[dict[str, Any]]
    nash: Solution | None = None
    contexts: tuple[int, ...] = ()

    def solution(self) -> Solution:
        """What the model says at the end, among the answers on the list.

        Nothing certifies it: the residual is NaN.
        """
        said: Spoken = self.curve[-1]["spoken"]
        missing = np.full(self.game.batch, np.nan)
        follower = None
        if self.concept == "slhf":
            follower = np.exp(numerics.log_softmax(said.follower))
        return Solution(
            numerics.log_softmax(said.leader),
            Certificate("none: a trained model", missing, 0.0),
            follower,
            np.full(self.game.batch, self.status),
        )

    def measurements(self, **labels: Any) -> Iterator[Measurement]:
        """Distances to the target, what was said off the list, what was spent; at every point."""
        end = self.solution()
        for point in self.curve:
            said, step = point["spoken"], point["step"]
            for metric, value in self._values(said).items():
                for m in each(metric, value, self.game, end, **labels):
                    yield replace(m, step=step, context=self._context(m))
            for metric, spent in point["account"].items():
                name = {"steps": "optimizer_steps"}.get(metric, metric)
                yield Measurement(name, float(spent), labels=labels, step=step)
        if self.target is not None and self.target.follower is not None:
            rows = numerics.total_variation(end.follower, self.target.follower)
            for i, action in enumerate(self.game.names):
                for m in each("row_tv", rows[..., i], self.game, end, action=action, **labels):
                    yield replace(m, context=self._context(m))

    def _context(self, m: Measurement) -> int | None:
        return self.contexts[m.context] if self.contexts and m.context is not None else m.context

    def _values(self, said: Spoken) -> dict[str, Float]:
        log_policy = numerics.log_softmax(said.leader)
        policy = np.exp(log_policy)
        values = {
            "off_list_mass": said.off_list,
            "duality_gap": measures.duality_gap(self.game, policy),
            "kl_to_ref": measures.kl_to_ref(self.game, policy),
        }
        if self.nash is not None:
            values["tv_to_nash"] = numerics.total_variation(policy, self.nash.policy)
        if self.target is not None:
            goal = self.target.policy
            values["tv_to_target"] = numerics.total_variation(policy, goal)
            values["kl_to_target"] = numerics.kl(self.target.log_policy, log_policy)
            if self.target.follower is not None:
                rows = np.exp(numerics.log_softmax(said.follower))
                apart = numerics.total_variation(rows, self.target.follower)
                values["follower_tv"] = (goal * apart).sum(-1)
                values["follower_off_list_mass"] = said.follower_off_list
        return values


@dataclass(frozen=True)
class LanguageSolver(Solver):
    """Teach a model the game's references, train it on the game, and ask it for every answer.

    Equal trainings (model, references, learner, numbers, what is told, seed) are done once and
    kept in ``folder``, whoever asks; one that was killed goes on from its last checkpoint. This is
    for one process; for several, call ``llm.training.train`` in each, under ``accelerate launch``.

    Attributes
    ----------
    method : Method
    game : PreferenceGame
        Its references are what the model is taught, whichever game is solved.
    folder : Path
    seed : int
        Of all that the training draws.
    model : "tiny", a folder, or a name on the model hub
    lessons : Lessons
        How it is taught; with none its references are what it says as it is.
    start : "reference" or "reversed"
        What the policy says before the training: what its reference says, or the opposite.
    lora : int >= 0
        Rank of the adapters that are trained instead of all parameters; 0: none.
    judging : Judging
        What the learner is told.
    trainings : list of Training
        Those that ``solve`` did, or found.
    progress : bool
        Show a progress bar on stderr.
    """

    method: Method
    game: PreferenceGame
    folder: Path
    seed: int
    model: str = TINY
    lessons: Lessons = field(default_factory=Lessons)
    start: Start = "reference"
    lora: int = 0
    judging: Judging = field(default_factory=Truth)
    trainings: list[Training] = field(default_factory=list, compare=False)
    progress: bool = False

    @property
    def concept(self) -> Concept:  # type: ignore[override]  # the concept of the learner
        """The learner's concept."""
        return self.method.concept

    def __getattr__(self, name: str) -> Any:
        if name.startswith("tau"):  # KL weights, for whoever measures in the learner's objective
            return getattr(self.method.learner, name)
        raise AttributeError(name)

    def own(self) -> PreferenceGame:
        """The game with the references that the model has learnt, not those it was taught."""
        task = self.task(self.game)
        return _with_references(self.game, spoken(task, self.reference(task)))

    def task(self, game: PreferenceGame, contexts: Sequence[int] | None = None) -> Verbalized:
        """A game of the same answers in words, with the references to be taught.

        ``contexts`` are those of the solver's game that ``game`` is of; None: all.
        """
        ref, rows = self.game.ref, self.game.log_ref_follower(slice(None))
        if contexts is not None and self.game.batch:
            ref, rows = ref[list(contexts)], rows[list(contexts)]
        shape = (*game.batch, game.n)
        return verbalize(
            replace(
                game,
                ref=np.broadcast_to(ref, shape),
                ref_follower=np.broadcast_to(np.exp(rows), (*shape, game.n)),
            ),
            choices=self.model != TINY,
        )

    def reference(self, task: Verbalized) -> Policy:
        """The model after its lessons on the task."""
        return taught(self.model, task, self.lessons)

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Where the learner needs rewards and those of the game are infinite."""
        return self.judging.undefined(self.method.learner, game)

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        """What the model says after the training, which is on the contexts with an answer."""
        del rng
        message = self.undefined(game)
        contexts = np.flatnonzero(message == "").tolist()
        return solve_defined(lambda part: self._solve(part, contexts, game), game, message)

    def _solve(
        self, game: PreferenceGame, contexts: Sequence[int], whole: PreferenceGame
    ) -> Solution:
        task = self.task(game, contexts if game.batch != whole.batch else None)
        learner = self.method.learner
        told = self.judging.identity(learner, task)
        how = (
            fingerprint(self.model),
            self.lessons,
            self.start,
            self.lora,
            self.method,
            self.seed,
            told,
        )
        key = [*map(repr, how), *task.prompts, *task.answers]
        key += [task.game.ref.tolist(), task.follower.tolist()]
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f"{digest}.lock"):
            found = replace(self._train(task, self.folder / digest), contexts=tuple(contexts))
        self.trainings.append(found)
        return found.solution()

    def _train(self, task: Verbalized, folder: Path) -> Training:
        learner = self.method.learner
        reference = self.reference(task).requires_grad_(False)
        ends = [reference.completion(answer) for answer in task.answers]
        longest, limit = max(map(len, ends)), self.method.config.max_new_tokens
        if longest > limit:
            raise SolverError(
                f"LanguageSolver: an answer has {longest} tokens with its end, more than "
                f"max_new_tokens = {limit}, and could never be said; set max_new_tokens"
            )
        record = checkpoints.record(folder)
        if record is None:
            judge = self.judging.judge(learner, task, reference, self.folder)
            policy = self.reference(task.reversed() if self.start == "reversed" else task)
            if self.lora:
                policy = adapted(policy, self.lora)
                if self.start == "reference":  # one model instead of two
                    reference = policy.frozen()
            done = training.train(
                learner,
                policy,
                reference,
                judge,
                task.prompts,
                self.method.config,
                self.seed,
                folder,
                partial(_watch, task),
                self.judging.data(learner, task, self.seed),
                self.progress,
            )
            record = done.status, done.curve
        status, curve = record
        own = _with_references(task.game, spoken(task, reference))
        points = [
            {**point, "spoken": Spoken(np.array(point["leader"]), np.array(point["follower"]))}
            for point in curve
        ]
        target = learner.target(own, ends)
        if target is not None and (target.status == "undefined").any():
            target = None  # fitted models are finite where the exact fit is not
        tau = getattr(learner, "tau", 0.0)
        nash = NlhfExact(tau).solve(own) if self.concept == "nlhf" and tau > 0 else None
        return Training(own, self.concept, target, status, points, nash)


def _watch(task: Verbalized, step: int, policy: Policy, follower: Policy | None) -> dict[str, Any]:
    del step
    said = spoken(task, policy, follower)
    return {"leader": said.leader.tolist(), "follower": said.follower.tolist()}


def _with_references(game: PreferenceGame, said: Spoken) -> PreferenceGame:
    ref, rows = (np.exp(numerics.log_softmax(x)) for x in (said.leader, said.follower))
    return replace(game, ref=ref, ref_follower=rows, known=())
