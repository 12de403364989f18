"""Does the answer move when only the sampling of comparisons moves?

Expected (Munos et al. 2023, arXiv:2312.00886, Sec. 3; Pasztor et al. 2025, arXiv:2512.16626,
Sec. 4.1): when P is known, NLHF and SLHF do not move at all, while RLHF moves whenever P is not
Bradley-Terry. When P is estimated from the comparisons, all three move: the claim of insensitivity
is one about a known P.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from games import Comparisons, PreferenceGame, SpecError, measures, numerics
from games.game import Float
from solvers import Solution, Solver
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.regret import regret

_CONCENTRATION = 0.8
_MOST_LISTED = 6
_MOST_SAMPLERS = 12


@dataclass(frozen=True)
class DataSensitivity(Experiment):
    """Total variation to the answer on full data, and what the change costs on the true game.

    Attributes
    ----------
    setting : "known" or "estimated"
        known: P stays, only pair weights change. estimated: everything comes from the compared
        pairs; a pair never compared is 1/2.
    n_comparisons : int >= 1, or None for infinitely many
        Size of the data set in the setting "estimated".
    most_pairs : int >= 1
        With more pairs than this, only evenly spaced ones are left out in turn; the label
        ``pairs_in_all`` gives their number.

    Raises
    ------
    SpecError
        If the setting is unknown, a number is out of range, or ``known`` is given a size.
    """

    setting: Literal["known", "estimated"] = "known"
    n_comparisons: int | None = None
    most_pairs: int = 100

    def __post_init__(self) -> None:
        size = self.n_comparisons
        if self.setting not in ("known", "estimated"):
            raise SpecError(
                f"data_sensitivity: setting is {self.setting!r}, expected known or estimated"
            )
        if self.setting == "known" and size is not None:
            raise SpecError("data_sensitivity: setting known has no n_comparisons; leave it out")
        if (size is not None and size < 1) or self.most_pairs < 1:
            raise SpecError(
                f"data_sensitivity: n_comparisons {size} and most_pairs {self.most_pairs} "
                "must be at least 1"
            )

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn: only for a data set of finite size."""
        return self.n_comparisons is not None

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the measures of one change of the sampling at a time, on the true game."""
        full = solver.solve(game, rng_for("solver"))
        loss = regret(solver, game, full)
        for change, weights in self._changes(game):
            labels = {"setting": self.setting, **change}
            if self.setting == "known":
                observed = [(labels, replace(game, pairs=weights))]
            else:
                labels["n_comparisons"] = self.n_comparisons
                P, pairs = self._observe(game, weights, rng_for, change)
                observed = [({**labels, "unseen": "filled"}, replace(game, P=P, pairs=None))]
                if solver.concept == "rlhf":
                    dropped = replace(game, P=P, pairs=pairs)
                    observed.append(({**labels, "unseen": "dropped"}, dropped))
                unseen = (pairs[..., *np.triu_indices(game.n, 1)] == 0).mean(-1)
                yield from each("unseen_share", unseen, game, full, **labels)
            for indexed, estimate in observed:
                solution = solver.solve(estimate, rng_for("solver"))
                policy = solution.policy
                shift = numerics.total_variation(policy, full.policy)
                yield from each("shift", shift, game, solution, full.message, **indexed)
                gap = measures.duality_gap(game, policy)
                yield from each("duality_gap", gap, game, solution, **indexed)
                yield from each("regret", loss(policy), game, solution, loss.message, **indexed)
                yield from _listing(game, solution, indexed)

    def _changes(self, game: PreferenceGame) -> Iterator[tuple[dict[str, Any], Float]]:
        """Pairs of the labels of a change and the pair weights that it leads to."""
        weights, names = game.pair_weights, game.names
        yield {"change": "none"}, weights
        i, j = np.triu_indices(game.n, 1)
        compared = np.flatnonzero((weights[..., i, j] > 0).any(axis=tuple(range(len(game.batch)))))
        stride = -(-len(compared) // self.most_pairs)
        thinned = {"pairs_in_all": len(compared)} if stride > 1 else {}
        for k in compared[:: max(1, stride)]:
            without = weights.copy()
            without[..., i[k], j[k]] = without[..., j[k], i[k]] = 0
            if (without.sum((-1, -2)) > 0).all():
                pair = [names[i[k]], names[j[k]]]
                yield {"change": "missing", "pair": pair, **thinned}, without
        samplers = {"ref": game.ref}
        for k, name in enumerate(names[:_MOST_SAMPLERS] if game.n > 1 else ()):
            rest = (1 - _CONCENTRATION) / (game.n - 1)
            samplers[name] = np.where(np.arange(game.n) == k, _CONCENTRATION, rest)
        for name, mu in samplers.items():
            product = mu[..., :, None] * mu[..., None, :]
            yield {"change": "sampled_from", "policy": name}, np.broadcast_to(product, game.P.shape)

    def _observe(
        self, game: PreferenceGame, weights: Float, rng_for: RngFor, change: dict[str, Any]
    ) -> tuple[Float, Float]:
        """Estimated win rates, and how often each pair was compared."""
        sampled = replace(game, pairs=weights)
        if self.n_comparisons is None:
            weights = sampled.pair_weights
            return np.where(weights > 0, game.P, 0.5), weights
        rng = rng_for("data", change, self.n_comparisons)
        data = Comparisons.sample(sampled, self.n_comparisons, rng)
        return data.game(game.ref).P, data.pairs


def _listing(
    game: PreferenceGame, solution: Solution, labels: dict[str, Any]
) -> Iterator[Measurement]:
    """The probability of every answer, in small games."""
    for k, name in enumerate(game.names if game.n <= _MOST_LISTED else ()):
        value = solution.policy[..., k]
        yield from each("probability", value, game, solution, action=name, **labels)
