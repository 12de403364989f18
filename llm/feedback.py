"""What a learner learns from: the game itself, or models fitted to comparisons."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from games import Comparisons, PreferenceGame
from llm.judges.bradley_terry import BradleyTerryJudge
from llm.judges.game import GameJudge
from llm.judges.pairwise_model import PairwiseModelJudge
from llm.judges.reward_model import RewardModelJudge
from llm.learners import Learner
from llm.policy import Policy
from llm.reward_model import TEMPLATE, Comparison, FitConfig, FitReport, Kind, fit
from llm.tasks import Task
from solvers.rlhf_exact import RlhfExact
from solvers.solver import Reasons


class Feedback(Protocol):
    """The source of a learner's preferences: it provides judges and data sets."""

    def undefined(self, learner: Learner, game: PreferenceGame) -> Reasons:
        """Why a context has nothing to learn from, (...); "" where it has something."""
        ...

    def identity(self, learner: Learner, task: Task) -> str:
        """Part of a training's key, equal for sources that the learner cannot distinguish."""
        ...

    def judge(self, learner: Learner, task: Task, start: Policy, folder: Path) -> Any:
        """The judge that the learner needs; a model that judges is fitted from ``start``."""
        ...

    def data(self, learner: Learner, task: Task, seed: int) -> list[Comparison]:
        """The data set of comparisons; empty for learners that need none."""
        ...


@dataclass(frozen=True)
class GameFeedback:
    """The game itself: P, its Bradley-Terry rewards, or comparisons drawn from it."""

    def undefined(self, learner: Learner, game: PreferenceGame) -> Reasons:
        """The reason where Bradley-Terry rewards are infinite, for learners that need rewards."""
        if learner.needs == "rewards":
            return RlhfExact().undefined(game)
        return np.full(game.batch, "")

    def identity(self, learner: Learner, task: Task) -> str:
        """Hash of the rewards, or of P, with the pair weights for learners from data sets."""
        if learner.needs == "rewards":
            rows = [(prompt, answer) for prompt in task.prompts for answer in task.answers]
            return digest(self._scorer(task).score(*map(list, zip(*rows, strict=True))))
        weights = task.game.pair_weights if learner.needs == "dataset" else 0.0
        return digest(task.game.P, weights)

    @staticmethod
    def _scorer(task: Task) -> BradleyTerryJudge:
        return BradleyTerryJudge(task.game, task.prompts, task.answers)

    def judge(self, learner: Learner, task: Task, start: Policy, folder: Path) -> Any:
        """A judge that looks the game's probabilities or rewards up."""
        del start, folder
        if learner.needs == "rewards":
            return self._scorer(task)
        return GameJudge(task.game, task.prompts, task.answers)

    def data(self, learner: Learner, task: Task, seed: int) -> list[Comparison]:
        """``n_comparisons`` of the learner, drawn from the game under its pair weights."""
        if learner.needs != "dataset":
            return []
        size = getattr(learner, "n_comparisons", 4096)
        comparisons = Comparisons.sample(task.game, size, np.random.default_rng(seed))
        return text_comparisons(comparisons, task)


@dataclass(frozen=True)
class FittedFeedback:
    """Models fitted to comparisons; for learners from a data set, the comparisons themselves.

    Attributes
    ----------
    comparisons : Comparisons
    config : FitConfig
    seed : int
    start : str
        Identifies the model that the fit starts from, as part of the key.
    """

    comparisons: Comparisons
    config: FitConfig = field(default_factory=FitConfig)
    seed: int = 0
    start: str = ""

    def undefined(self, learner: Learner, game: PreferenceGame) -> Reasons:
        """No reason in any context: a fit of finitely many steps is finite."""
        del learner
        return np.full(game.batch, "")

    def identity(self, learner: Learner, task: Task) -> str:
        """Hash of the counts of comparisons, and how models are fitted to them."""
        settings = "" if learner.needs == "dataset" else f"{self.start}{self.config}{self.seed}"
        return digest(self.comparisons.wins) + settings

    def fit(self, kind: Kind, task: Task, start: Policy, folder: Path) -> FitReport:
        """Fit a model and save it below ``folder``, unless that has been done."""
        comparisons = text_comparisons(self.comparisons, task)
        target = self._model_folder(kind, task, folder)
        return fit(kind, start, comparisons, self.config, self.seed, target)

    def _model_folder(self, kind: Kind, task: Task, folder: Path) -> Path:
        key = (kind, task.prompts, task.answers, self.start, self.config, self.seed)
        texts = hashlib.sha256(repr(key).encode()).hexdigest()[:8]
        numbers = digest(self.comparisons.wins, task.game.ref, task.follower)
        return folder / f"{kind}-{numbers}-{texts}"

    def judge(self, learner: Learner, task: Task, start: Policy, folder: Path) -> Any:
        """A reward model for learners that need rewards, a pairwise model for others with a judge.

        None for learners that use the comparisons themselves.
        """
        if learner.needs == "dataset":
            return None
        kind: Kind = "reward" if learner.needs == "rewards" else "pairwise"
        self.fit(kind, task, start, folder)
        model = str(self._model_folder(kind, task, folder))
        if kind == "reward":
            return RewardModelJudge(model, batch_size=256)
        return PairwiseModelJudge(model, batch_size=256, template=TEMPLATE)

    def data(self, learner: Learner, task: Task, seed: int) -> list[Comparison]:
        """The comparisons, for learners from a data set."""
        del seed
        return text_comparisons(self.comparisons, task) if learner.needs == "dataset" else []


def text_comparisons(comparisons: Comparisons, task: Task) -> list[Comparison]:
    """Every comparison as texts: (prompt, winner, loser), as often as it was made."""
    n = task.game.n
    wins = comparisons.wins.reshape(-1, n, n).astype(int)
    return [
        (task.prompts[c], task.answers[i], task.answers[j])
        for c, i, j in np.argwhere(wins > 0).tolist()
        for _ in range(wins[c, i, j])
    ]


def digest(*numbers: ArrayLike) -> str:
    """Hash of arrays of numbers, shapes included."""
    sha = hashlib.sha256()
    for values in numbers:
        array = np.ascontiguousarray(values, dtype=np.float64)
        sha.update(repr(array.shape).encode() + array.tobytes())
    return sha.hexdigest()[:16]
