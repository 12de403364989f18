"""How often is an audit wrong? Its tests and intervals on comparisons drawn from a known game.

Expected: where rewards describe the game, they are rejected in 5 % of the data sets, whatever ties
and repetitions by raters there are, and no cycle is established; intervals and sets hold the true
answer in 95 %.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from games import PreferenceGame, SpecError, measures
from games.game import Float
from solvers import Solver, taus
from tabular.audit.answers import percentiles, tau_zero_sets
from tabular.audit.cluster_test import cluster_test
from tabular.audit.cycles import three_cycles
from tabular.audit.pair_tests import pair_tests
from tabular.audit.reward_test import likelihood_ratio_test
from tabular.audit.votes import Votes, game_of
from tabular.experiment import Experiment, Measurement, RngFor

_LEVEL = 0.05


@dataclass(frozen=True)
class Calibration(Experiment):
    """Data sets are drawn from the game, and the parts of an audit applied to each.

    A comparison of i and j is a win, a tie or a loss with odds e^(g/2) : nu : e^(-g/2),
    g = log P_ij / P_ji; the truth of an audit is the rate of points, wins plus half the ties. Every
    comparison is made by another rater, who makes it ``copies`` times, always with the same result.
    Measured of each data set: whether the rewards are rejected and whether a three-cycle is
    established, in which the solver plays no part; and of the solver, if its tau is 0, whether the
    answers that are not excluded hold the whole true answer, else the share of answers whose
    interval holds the true probability.

    Attributes
    ----------
    per_pair : int >= 1
        Comparisons of each pair.
    nu : float >= 0
        Weight of ties; of two equal answers nu / (2 + nu) are ties.
    copies : int >= 1
    data_sets : int >= 1
        Drawn for each seed.
    tests, bootstrap : int >= 2
        Samples for p-values, and for intervals.

    Raises
    ------
    SpecError
        If a number is out of range.
    """

    per_pair: int = 30
    nu: float = 0.0
    copies: int = 1
    data_sets: int = 4
    tests: int = 99
    bootstrap: int = 100

    def __post_init__(self) -> None:
        counts = (self.per_pair, self.copies, self.data_sets, self.tests - 1, self.bootstrap - 1)
        if min(counts) < 1 or self.nu < 0:
            raise SpecError(
                "calibration: per_pair, copies and data_sets must be at least 1, tests and "
                f"bootstrap at least 2, nu at least 0; got {self}"
            )

    @property
    def draws(self) -> bool:
        """The data sets are drawn."""
        return True

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield one value a metric and context: the mean over the data sets."""
        if solver.concept == "other" or solver.draws or not taus(type(solver)):
            reason = "an audit answers by RLHF, NLHF and SLHF, without drawing"
            yield Measurement("rejection_rate", np.nan, status="skipped", message=reason)
            return
        for k in range(math.prod(game.batch)):
            one, context = (game.at(k), k) if game.batch else (game, None)
            if one.n < 2 or measures.certain(one).any():
                reason = "calibration needs two answers and no certain preference"
                yield Measurement(
                    "rejection_rate", np.nan, context, status="skipped", message=reason
                )
                continue
            kinds = {"per_pair": self.per_pair, "nu": self.nu, "copies": self.copies}
            labels = {"answers": one.n, **kinds}
            streams = (rng_for("data", k, number) for number in range(self.data_sets))
            for metric, values in self._audited(one, solver, streams).items():
                yield Measurement(metric, float(np.mean(values)), context, labels)

    def _audited(
        self, game: PreferenceGame, solver: Solver, streams: Iterable[np.random.Generator]
    ) -> dict[str, list[float]]:
        """Metric -> its value in each data set."""
        win, tie = _outcomes(game.P, self.nu)
        truth = solver.solve(PreferenceGame(win + tie / 2))
        sharp = not any(getattr(solver, name, 1.0) for name in taus(type(solver)))
        by = "rater" if self.copies > 1 else None
        found = defaultdict[str, list[float]](list)
        for rng in streams:
            votes = self._drawn(win, tie, rng)
            pairs = pair_tests(votes, by)
            observed = votes.comparisons().game()
            samples = game_of(votes.resampled(self.bootstrap, rng, by))
            p_value = self._p_value(votes, rng)
            if not np.isnan(p_value):
                found["rejection_rate"].append(float(p_value <= _LEVEL))
                found["p_value"].append(p_value)
            established = any(cycle.established for cycle in three_cycles(pairs))
            found["cycle_rate"].append(float(established))
            if str(truth.message):
                continue
            if sharp:
                inside = tau_zero_sets(pairs, observed, samples)[solver.concept.upper()]
                found["set_coverage"].append(float(not (truth.policy[~inside] > 0).any()))
                found["set_size"].append(float(inside.sum()))
            else:
                low, high, _ = percentiles(solver, samples)
                covered = (low <= truth.policy) & (truth.policy <= high)
                found["interval_coverage"].append(float(covered.mean()))
        return found

    def _drawn(self, win: Float, tie: Float, rng: np.random.Generator) -> Votes:
        n = len(win)
        i, j = (np.repeat(side, self.per_pair) for side in np.triu_indices(n, 1))
        u = rng.random(len(i))
        share = np.where(u < win[i, j], 1.0, np.where(u < win[i, j] + tie[i, j], 0.5, 0.0))
        rater = np.arange(len(i))
        first, second, share, rater = (np.repeat(x, self.copies) for x in (i, j, share, rater))
        clusters = {"rater": rater} if self.copies > 1 else {}
        return Votes(first, second, share, np.ones(len(first)), tuple(map(str, range(n))), clusters)

    def _p_value(self, votes: Votes, rng: np.random.Generator) -> float:
        if self.copies == 1:
            return likelihood_ratio_test(votes.comparisons(), self.tests, rng).p_value
        columns = (votes.first, votes.second, votes.share, votes.weight, votes.clusters["rater"])
        return cluster_test(*columns, votes.n, self.tests, rng).p_value


def _outcomes(P: Float, nu: float) -> tuple[Float, Float]:
    """Chances of a win of i and of a tie, (n, n)."""
    up = np.sqrt(P / P.T)
    total = up + up.T + nu
    tie = np.full(P.shape, nu) / total
    win = up / total
    np.fill_diagonal(tie, 0.0)
    np.fill_diagonal(win, 0.5)
    return win, tie
