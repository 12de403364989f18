"""Does the answer move when only the sampling of comparisons moves?

Where P is given, NLHF and SLHF cannot move, because they never read which pairs were compared:
that setting is a check of the code for them and evidence about RLHF only, which moves whenever P is
not Bradley-Terry (Munos et al. 2023, arXiv:2312.00886, Sec. 3; Pasztor et al. 2025,
arXiv:2512.16626, Sec. 4.1). Where P is estimated from the comparisons all three move, and what a
preference model makes of pairs that were never compared moves them with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from games import PreferenceGame, SpecError, measures, numerics
from games.estimation.table import Table
from solvers import Solution, Solver
from tabular.estimates import (
    OBSERVED,
    Choice,
    estimate,
    estimator_label,
    imputation_shift,
    make_estimator,
)
from tabular.experiment import ONE_ANSWER, Experiment, Measurement, RngFor, each
from tabular.regret import Regret, regret
from tabular.sampling_changes import Change, changes, compared

_MOST_LISTED = 6


@dataclass(frozen=True)
class DataSensitivity(Experiment):
    """Total variation to the answer on full data, and what the change costs on the true game.

    Attributes
    ----------
    setting : "known" or "estimated"
        known: P stays, only pair weights change: a tautology for methods that never read them.
        estimated: everything comes from the compared pairs.
    n_comparisons : int >= 1, or None for infinitely many
        Size of the data set in the setting "estimated".
    most_pairs : int >= 1
        With more pairs than this, only evenly spaced ones are left out in turn; the label
        ``pairs_in_all`` gives their number.
    estimator : str, or mapping with the key "name"
        The preference model in the setting "estimated"; by default the observed win rates, with
        1/2 for a pair never compared ("filled"). With a table, RLHF also fits its reward to the
        compared pairs alone ("dropped"), as it does on a Bradley-Terry estimate with ridge 0.

    Raises
    ------
    SpecError
        If the setting or the estimator is unknown, a number is out of range, or ``known`` is given
        a size or an estimator.
    """

    setting: Literal["known", "estimated"] = "known"
    n_comparisons: int | None = None
    most_pairs: int = 100
    estimator: Choice = field(default_factory=lambda: OBSERVED)

    def __post_init__(self) -> None:
        size = self.n_comparisons
        if self.setting not in ("known", "estimated"):
            raise SpecError(
                f"data_sensitivity: setting is {self.setting!r}, expected known or estimated"
            )
        if self.setting == "known" and (size is not None or self.estimator != OBSERVED):
            raise SpecError(
                "data_sensitivity: setting known has neither n_comparisons nor estimator; leave "
                "them out"
            )
        if (size is not None and size < 1) or self.most_pairs < 1:
            raise SpecError(
                f"data_sensitivity: n_comparisons {size} and most_pairs {self.most_pairs} "
                "must be at least 1"
            )
        make_estimator("data_sensitivity", self.estimator)

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn: for a data set of finite size, or by the estimator."""
        estimator = make_estimator("data_sensitivity", self.estimator)
        return self.n_comparisons is not None or estimator.draws

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the measures of every change on the true game; all are solved together."""
        if game.n < 2 and self.setting == "estimated":
            labels = {"setting": self.setting, "n_comparisons": self.n_comparisons}
            yield Measurement("shift", np.nan, None, labels, "skipped", ONE_ANSWER)
            return
        full = solver.solve(game, rng_for("solver"))
        loss = regret(solver, game, full)
        listed = list(changes(game, self.most_pairs))
        if self.setting == "known":
            games = PreferenceGame.stack([replace(game, pairs=w) for _, w in listed])
            answers = solver.solve(games, rng_for("solver"))
            for k, (change, _) in enumerate(listed):
                changed = {"setting": self.setting, **change}
                yield from _judged(game, full, answers.at(k), loss, changed)
        else:
            yield from self._estimated(game, solver, rng_for, full, loss, listed)

    def _estimated(
        self,
        game: PreferenceGame,
        solver: Solver,
        rng_for: RngFor,
        full: Solution,
        loss: Regret,
        listed: list[Change],
    ) -> Iterator[Measurement]:
        """The measures where all that is known of P are the comparisons.

        With finite data the last context is a second data set without a change.
        """
        estimator = make_estimator("data_sensitivity", self.estimator)
        drawn, size = self.n_comparisons is not None, len(listed)
        data = compared(game, listed, self.n_comparisons, rng_for)
        truth = PreferenceGame.stack([game] * (size + drawn))
        rng = rng_for("data", "estimator", self.n_comparisons) if estimator.draws else None
        fitted = estimate(truth, data, estimator, rng)
        table = isinstance(estimator, Table)
        answers = {"filled" if table else "estimated": fitted.solve(solver, rng_for("solver"))}
        if table and solver.concept == "rlhf":
            fewer = replace(truth, P=data.game().P, pairs=data.pairs)
            answers["dropped"] = solver.solve(fewer, rng_for("solver"))
        ((_, answer), *_) = answers.items()
        imputed, why = imputation_shift(truth, data, fitted, answer, solver, rng_for("solver"))
        unseen_share = data.unseen[..., *np.triu_indices(game.n, 1)].mean(-1)
        exists = replace(full, status=np.full(game.batch, "ok"))
        chosen = {} if self.estimator == OBSERVED else {"estimator": self.estimator}
        for k, (change, _) in enumerate(listed):
            labels = {"setting": self.setting, **change, "n_comparisons": self.n_comparisons}
            labels |= {name: estimator_label(value) for name, value in chosen.items()}
            yield from each("unseen_share", unseen_share[k], game, exists, **labels)
            for unseen, every in answers.items():
                indexed = {**labels, "unseen": unseen}
                yield from _judged(game, full, every.at(k), loss, indexed)
                if every is answer:
                    at = every.at(k)
                    yield from each("imputation_shift", imputed[k], game, at, why[k], **indexed)
                if drawn and k == 0:
                    first, second = every.at(k), every.at(size)
                    agreement = 1 - numerics.total_variation(first.policy, second.policy)
                    against = second.message
                    yield from each("agreement", agreement, game, first, against, **indexed)


def _judged(
    game: PreferenceGame,
    full: Solution,
    solution: Solution,
    loss: Regret,
    labels: Mapping[str, Any],
) -> Iterator[Measurement]:
    """How far an answer is from that on full data, what it costs, and its small tables."""
    policy = solution.policy
    shift = numerics.total_variation(policy, full.policy)
    yield from each("shift", shift, game, solution, full.message, **labels)
    yield from each("duality_gap", measures.duality_gap(game, policy), game, solution, **labels)
    yield from each("regret", loss(policy), game, solution, loss.message, **labels)
    for k, name in enumerate(game.names if game.n <= _MOST_LISTED else ()):
        value = policy[..., k]
        yield from each("probability", value, game, solution, action=name, **labels)
