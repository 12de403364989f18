"""Does a trained model move when only the sampling of comparisons moves?"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from games import Comparisons, PreferenceGame, measures, numerics
from games.game import Float
from llm.base_model import LARGE_LR, TINY
from llm.experiment import LanguageExperiment
from llm.judging import Fitted, Judging, Truth
from llm.language_solver import LanguageSolver
from llm.method import Method
from llm.reward_model import FitConfig, Kind
from solvers import Solution
from tabular.data_sensitivity import DataSensitivity as Tabular
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.regret import regret

_CONCENTRATION = 0.8


@dataclass(frozen=True)
class DataSensitivity(LanguageExperiment):
    """Total variation to the answer on uniformly sampled pairs, and the cost on the true game.

    The distance to the target, which is exact on all comparisons, includes the error of the fit.

    Three samplings: every pair alike ("none"), most comparisons around the first answer
    ("sampled_from"), and the pair with the largest margin left out ("missing").

    Attributes
    ----------
    model, start
        As for every experiment with language models.
    setting : "known" or "estimated"
        known: learners with a judge are told P, those with rewards the Bradley-Terry rewards of
        the sampled pairs. estimated: a reward model or a preference model is fitted to the same
        comparisons, and the learner is trained on it.
    n_comparisons : int >= 1
        Size of the data set in the setting "estimated".

    Raises
    ------
    SpecError
        If the setting is unknown or the number out of range.
    """

    setting: Literal["known", "estimated"] = "estimated"
    n_comparisons: int = 2000

    def _fit_config(self) -> FitConfig:
        return FitConfig() if self.model == TINY else FitConfig(lr=LARGE_LR)

    def tabular(self) -> Experiment:
        """With the same setting."""
        size = self.n_comparisons if self.setting == "estimated" else None
        return Tabular(self.setting, size)

    def measure(  # type: ignore[override]
        self, game: PreferenceGame, learner: Method, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        """One training a sampling."""
        own = self.solver(learner, game, rng_for, folder).own()
        full: Solution | None = None
        for change, pairs in _samplings(own):
            labels: dict[str, Any] = {"setting": self.setting, **change}
            judging: Judging = Truth()
            seen = replace(own, pairs=pairs)
            if self.setting == "estimated":
                labels["n_comparisons"] = self.n_comparisons
                rng = rng_for("data", change, self.n_comparisons)
                data = Comparisons.sample(seen, self.n_comparisons, rng)
                judging = Fitted(data, self._fit_config(), start=repr((self.model, self.lessons)))
                observed = data.game(own.ref)
                seen = replace(own, P=observed.P, pairs=observed.pairs)
            solver = self.solver(learner, game, rng_for, folder, judging=judging)
            solution = solver.solve(seen, rng_for("solver"))
            policy = solution.policy
            full = solution if full is None else full
            shift = numerics.total_variation(policy, full.policy)
            yield from each("shift", shift, own, solution, full.message, **labels)
            gap = measures.duality_gap(own, policy)
            yield from each("duality_gap", gap, own, solution, **labels)
            loss = regret(solver, own)
            yield from each("regret", loss(policy), own, solution, loss.message, **labels)
            for k, name in enumerate(own.names):
                yield from each("probability", policy[..., k], own, solution, action=name, **labels)
            for training in solver.trainings:
                yield from training.measurements(**labels)
            if isinstance(judging, Fitted) and learner.learner.needs != "dataset":
                yield from self._quality(judging, learner, solver, labels)

    def _quality(
        self, judging: Fitted, method: Method, solver: LanguageSolver, labels: dict[str, Any]
    ) -> Iterator[Measurement]:
        """How good the fitted model is on comparisons held out."""
        kind: Kind = "reward" if method.learner.needs == "rewards" else "pairwise"
        task = solver.task(solver.game)
        report = judging.fitted(kind, task, solver.reference(task), solver.folder)
        for metric, value in asdict(report).items():
            name = metric if metric == "calibration_error" else f"held_out_{metric}"
            if metric not in ("train", "held_out"):
                n = {"fitted": kind, "held_out": report.held_out}
                yield Measurement(name, value, labels={**labels, **n})


def _samplings(game: PreferenceGame) -> Iterator[tuple[dict[str, Any], Float]]:
    """What is changed, and the pair weights that follow."""
    n = game.n
    even = np.ones((n, n)) - np.eye(n)
    yield {"change": "none"}, even
    rest = (1 - _CONCENTRATION) / max(1, n - 1)
    mu = np.where(np.arange(n) == 0, _CONCENTRATION, rest)
    yield {"change": "sampled_from", "policy": game.names[0]}, mu[:, None] * mu * even
    rows, columns = np.triu_indices(n, 1)
    largest = abs(game.P - 0.5)[..., rows, columns].reshape(-1, len(rows)).max(0).argmax()
    i, j = rows[largest], columns[largest]
    without = even.copy()
    without[i, j] = without[j, i] = 0
    if without.any():
        yield {"change": "missing", "pair": [game.names[i], game.names[j]]}, without
