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


class Judging(Protocol):
    """Where judges and data sets come from."""

    def undefined(self, learner: Learner, game: PreferenceGame) -> Reasons:
        """Why there is nothing to learn from, for each context (...); "" where there is."""
        ...

    def identity(self, learner: Learner, task: Task) -> str:
        """Equal for what a learner cannot tell from each other."""
        ...

    def judge(self, learner: Learner, task: Task, start: Policy, folder: Path) -> Any:
        """A judge of the kind that the learner needs; ``start`` is a model that may be fitted."""
        ...

    def data(self, learner: Learner, task: Task, seed: int) -> list[Comparison]:
        """Comparisons, for learners that need them."""
        ...


@dataclass(frozen=True)
class Truth:
    """The game itself: P, its Bradley-Terry rewards, or comparisons drawn from it."""

    def undefined(self, learner: Learner, game: PreferenceGame) -> Reasons:
        """Infinite rewards, for learners that need them."""
        if learner.needs == "rewards":
            return RlhfExact().undefined(game)
        return np.full(game.batch, "")

    def identity(self, learner: Learner, task: Task) -> str:
        """P, with the rewards or the pairs where they matter."""
        if learner.needs == "rewards":
            asked = [(prompt, answer) for prompt in task.prompts for answer in task.answers]
            return digest(self._scorer(task).score(*map(list, zip(*asked, strict=True))))
        weights = task.game.pair_weights if learner.needs == "dataset" else 0.0
        return digest(task.game.P, weights)

    @staticmethod
    def _scorer(task: Task) -> BradleyTerryJudge:
        return BradleyTerryJudge(task.game, task.prompts, task.answers)

    def judge(self, learner: Learner, task: Task, start: Policy, folder: Path) -> Any:
        """By look-up."""
        del start, folder
        if learner.needs == "rewards":
            return self._scorer(task)
        return GameJudge(task.game, task.prompts, task.answers)

    def data(self, learner: Learner, task: Task, seed: int) -> list[Comparison]:
        """As many as the learner's ``n_comparisons``, under the game's pairs."""
        if learner.needs != "dataset":
            return []
        size = getattr(learner, "n_comparisons", 4096)
        return in_words(Comparisons.sample(task.game, size, np.random.default_rng(seed)), task)


@dataclass(frozen=True)
class Fitted:
    """Models fitted to comparisons, and for learners that need a data set the comparisons.

    Attributes
    ----------
    comparisons : Comparisons
    config : FitConfig
    seed : int
    start : str
        What the models are fitted from, as part of their key.
    """

    comparisons: Comparisons
    config: FitConfig = field(default_factory=FitConfig)
    seed: int = 0
    start: str = ""

    def undefined(self, learner: Learner, game: PreferenceGame) -> Reasons:
        """Nothing: a fit that ends after some steps is finite."""
        del learner
        return np.full(game.batch, "")

    def identity(self, learner: Learner, task: Task) -> str:
        """The counts, and how they are fitted."""
        how = "" if learner.needs == "dataset" else f"{self.start}{self.config}{self.seed}"
        return digest(self.comparisons.wins) + how

    def fit(self, kind: Kind, task: Task, start: Policy, folder: Path) -> FitReport:
        """Fit the model into its place below ``folder``, unless that has been done."""
        words = in_words(self.comparisons, task)
        return fit(kind, start, words, self.config, self.seed, self._place(kind, task, folder))

    def _place(self, kind: Kind, task: Task, folder: Path) -> Path:
        what = (kind, task.prompts, task.answers, self.start, self.config, self.seed)
        texts = hashlib.sha256(repr(what).encode()).hexdigest()[:8]
        numbers = digest(self.comparisons.wins, task.game.ref, task.follower)
        return folder / f"{kind}-{numbers}-{texts}"

    def judge(self, learner: Learner, task: Task, start: Policy, folder: Path) -> Any:
        """A reward model for learners that need rewards, else a model that reads pairs.

        None for learners that read the comparisons themselves.
        """
        if learner.needs == "dataset":
            return None
        kind: Kind = "reward" if learner.needs == "rewards" else "pairwise"
        self.fit(kind, task, start, folder)
        place = str(self._place(kind, task, folder))
        if kind == "reward":
            return RewardModelJudge(place, batch_size=256)
        return PairwiseModelJudge(place, batch_size=256, template=TEMPLATE)

    def data(self, learner: Learner, task: Task, seed: int) -> list[Comparison]:
        """The comparisons."""
        del seed
        return in_words(self.comparisons, task) if learner.needs == "dataset" else []


def in_words(comparisons: Comparisons, task: Task) -> list[Comparison]:
    """Every comparison as (prompt, winner, loser)."""
    n = task.game.n
    wins = comparisons.wins.reshape(-1, n, n).astype(int)
    return [
        (task.prompts[c], task.answers[i], task.answers[j])
        for c, i, j in np.argwhere(wins > 0).tolist()
        for _ in range(wins[c, i, j])
    ]


def digest(*numbers: ArrayLike) -> str:
    """Hash of arrays of numbers."""
    total = hashlib.sha256()
    for values in numbers:
        array = np.ascontiguousarray(values, dtype=np.float64)
        total.update(repr(array.shape).encode() + array.tobytes())
    return total.hexdigest()[:16]
