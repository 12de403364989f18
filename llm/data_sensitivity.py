"""Does a trained model move when only the sampling of comparisons moves?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from games import Comparisons, PreferenceGame, measures, numerics
from games.game import Float
from llm.evaluation import answer_probabilities, with_references
from llm.experiment import LanguageExperiment
from llm.feedback import Feedback, FittedFeedback, GameFeedback
from llm.language_solver import TrainedSolution
from llm.method import Method
from llm.models import TINY
from llm.reward_model import FitConfig, FitReport, Kind
from llm.sft import LARGE_LR
from tabular.data_sensitivity import DataSensitivity as Tabular
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.regret import regret

_CONCENTRATION = 0.8


@dataclass(frozen=True)
class DataSensitivity(LanguageExperiment):
    """Total variation to the answer on uniformly sampled pairs, and the cost on the true game.

    The distance to the target, which is exact on all comparisons, includes the error of the fit.

    Three samplings: every pair equally often ("none"), most comparisons with the first answer
    ("sampled_from"), and no comparison of the pair with the largest margin ("missing").

    Attributes
    ----------
    model, lessons, lessons_lr, start, lora
        Those of ``LanguageExperiment``.
    setting : "known" or "estimated"
        known: learners with a judge learn from P, those with rewards from the Bradley-Terry
        rewards of the sampled pairs. estimated: a reward model or a preference model is fitted to
        the same comparisons, and the learner is trained on it.
    n_comparisons : int >= 1
        Size of the data set in the setting "estimated".

    Raises
    ------
    SpecError
        If the setting is unknown or the number is out of range.
    """

    setting: Literal["known", "estimated"] = "estimated"
    n_comparisons: int = 2000

    def _fit_config(self) -> FitConfig:
        return FitConfig() if self.model == TINY else FitConfig(lr=LARGE_LR)

    def tabular(self) -> Experiment:
        """The tabular experiment with the same setting."""
        size = self.n_comparisons if self.setting == "estimated" else None
        return Tabular(self.setting, size)

    def measure(  # type: ignore[override]
        self, game: PreferenceGame, learner: Method, rng_for: RngFor, folder: Path
    ) -> Iterator[Measurement]:
        """Train once for each sampling, and compare the answers."""
        solver = self.solver(learner, game, rng_for, folder)
        task = solver.task(game)
        reference = solver.fine_tune(task)
        truth = with_references(game, answer_probabilities(task, reference))
        full: TrainedSolution | None = None
        for change, pairs in _samplings(truth):
            labels: dict[str, Any] = {"setting": self.setting, **change}
            feedback: Feedback = GameFeedback()
            observed = replace(truth, pairs=pairs)
            if self.setting == "estimated":
                labels["n_comparisons"] = self.n_comparisons
                rng = rng_for("data", change, self.n_comparisons)
                data = Comparisons.sample(observed, self.n_comparisons, rng)
                start = repr((self.model, solver.sft))
                feedback = FittedFeedback(data, self._fit_config(), start=start)
                estimated = data.game(truth.ref)
                observed = replace(truth, P=estimated.P, pairs=estimated.pairs)
            solution = replace(solver, feedback=feedback).solve(observed)
            policy = solution.policy
            full = solution if full is None else full
            shift = numerics.total_variation(policy, full.policy)
            yield from each("shift", shift, truth, solution, full.message, **labels)
            gap = measures.duality_gap(truth, policy)
            yield from each("duality_gap", gap, truth, solution, **labels)
            loss = regret(solver, truth, full)
            yield from each("regret", loss(policy), truth, solution, loss.message, **labels)
            for k, name in enumerate(truth.names):
                values = policy[..., k]
                yield from each("probability", values, truth, solution, action=name, **labels)
            if solution.evaluation is not None:
                yield from solution.evaluation.measurements(**labels)
            if isinstance(feedback, FittedFeedback) and learner.learner.needs != "dataset":
                kind: Kind = "reward" if learner.learner.needs == "rewards" else "pairwise"
                report = feedback.fit(kind, task, reference, folder)
                yield from _quality(kind, report, labels)


def _quality(kind: Kind, report: FitReport, labels: dict[str, Any]) -> Iterator[Measurement]:
    """How good the fitted model is on held-out comparisons."""
    labels = {**labels, "fitted": kind, "held_out": report.held_out}
    yield Measurement("held_out_accuracy", report.accuracy, labels=labels)
    yield Measurement("held_out_log_loss", report.log_loss, labels=labels)
    yield Measurement("calibration_error", report.calibration_error, labels=labels)


def _samplings(game: PreferenceGame) -> Iterator[tuple[dict[str, Any], Float]]:
    """Labels of each change of the sampling, and the pair weights under it."""
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
