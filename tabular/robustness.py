"""What do intransitivity, bad labels or a change of annotators cost, and does the answer jump?

Expected (derived; Munos et al. 2023, arXiv:2312.00886, Sec. 3.2): the duality gap of RLHF grows
with the cyclic share, that of NLHF stays 0 at tau = 0. With tau > 0 every answer moves continuously
along a path. At tau = 0 RLHF and, less often said, the SLHF leader jump where two answers swap
ranks; the Nash policy moves continuously wherever the maximal lottery is unique, e.g. between three
types that cycle, and jumps too where an answer begins to beat all others.

Three paths are arithmetic on infinitely many comparisons: there NLHF and SLHF answer at tau as they
answer the clean game at tau / (1 - t) (temperature, random_raters) or tau / (1 - 2t)
(reversed_raters, t < 1/2), and do not move at tau = 0. The SLHF leader at tau = 0 moves on none of
the paths that are an increasing function of P, such as hard and balanced_position.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from games import PreferenceGame, SpecError, measures, numerics
from games.game import Float
from solvers import Solution, Solver
from solvers.solver import Reasons
from tabular.experiment import ONE_ANSWER, Experiment, Measurement, RngFor, each
from tabular.regret import regret
from tabular.robustness_data import (
    Drawn,
    adversarial_flips,
    along,
    by_raters,
    estimated,
    label_by_label,
    random_flips,
)
from tabular.robustness_paths import PATHS, PathName


@dataclass(frozen=True)
class Robustness(Experiment):
    """The answer along a path of games, all points solved as the contexts of one game.

    With M = P - 1/2 and t from 0 to ``end`` (``robustness_paths`` has the formulas):

    - cyclic: margins sqrt(1 - t) T + sqrt(t) C, the transitive and cyclic parts of M at equal
      norm, so that t is the cyclic share; judged by the game at t. With uniform pairs RLHF sees
      only the row sums of sqrt(1 - t) T: at tau = 0 it cannot move before t = 1, and at equal tau
      little but its temperature changes, so compare it at equal KL.
    - annotators: each user type in turn has share t; judged by the game at t.
    - temperature: margins (1 - t) M. Arithmetic, see above.
    - random_raters, reversed_raters: each rater is bad with probability t, and then tosses a coin
      or says the opposite in all of its comparisons; on average (1 - t) M and (1 - 2 t) M.
    - random_flips, adversarial_flips: t ``flips`` labels of finite data are flipped, at random or
      by a greedy adversary, who sees the data and the method. Each method has its own adversary.
    - hard: a label is flipped with probability t (1/2 - abs M), most often where M is near 0.
    - one_sided: each answer in turn loses a comparison that it won with probability t / 2.
    - bias: each answer in turn gets the log-odds ``bonus`` t, e.g. for its length.
    - position: of two answers the one listed first is shown first, and gets the log-odds ``bonus``
      t: the order of the answers matters. balanced_position: either is shown first half of the
      time.

    Except on the first two paths the true game judges. With finite data the comparisons, raters
    and random numbers of a seed are the same at all t.

    Attributes
    ----------
    path : str
        One of the above.
    points : int >= 2
        How many values of t, evenly spaced in [0, end].
    end : float in (0, 1]
        The largest t. When all raters are bad, nothing is left to learn.
    n_comparisons : int >= 1, or None for infinitely many
        In each context. A pair never compared is 1/2, except that RLHF leaves it out.
    raters, flips : int >= 1
        On the paths of that name: how many raters there are; how many labels are flipped at t = 1.
    bonus : float > 0
        On the paths bias, position and balanced_position: log-odds at t = 1.

    Raises
    ------
    SpecError
        If the path is unknown, a number is out of range, or more labels are flipped than there are.
    """

    path: PathName = "cyclic"
    points: int = 21
    end: float = 1.0
    n_comparisons: int | None = None
    raters: int = 20
    flips: int = 20
    bonus: float = 2.0

    def __post_init__(self) -> None:
        if self.path not in PATHS:
            raise SpecError(
                f"robustness: path is {self.path!r}, expected one of {', '.join(PATHS)}"
            )
        if self.points < 2:
            raise SpecError(f"robustness: points is {self.points}, expected at least 2")
        if not 0 < self.end <= 1:
            raise SpecError(f"robustness: end is {self.end}, expected a number in (0, 1]")
        for name in ("n_comparisons", "raters", "flips", "bonus"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise SpecError(f"robustness: {name} is {value}, expected a number > 0")
        if "flips" in PATHS[self.path].parameters and self.flips > (self.n_comparisons or 0):
            raise SpecError(
                f"robustness: path {self.path} flips {self.flips} of {self.n_comparisons} labels; "
                "set n_comparisons to at least flips"
            )

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn: only for data of finite size."""
        return self.n_comparisons is not None

    @property
    def _t(self) -> Float:
        """The points of the path."""
        return np.linspace(0, self.end, self.points)

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the measures at every t, then the largest step between neighbours."""
        path = PATHS[self.path]
        labels = {"path": self.path, **{name: getattr(self, name) for name in path.parameters}}
        if self.n_comparisons is not None:
            labels["n_comparisons"] = self.n_comparisons
        estimates = self.n_comparisons is not None
        reason = ONE_ANSWER if estimates and game.n < 2 else path.missing(game)
        if reason:
            yield Measurement("largest_shift", np.nan, None, labels, "skipped", reason)
            return
        at_t = self._t.reshape(-1, *[1] * (len(game.batch) + 2))
        for indexed, P in path.tables(game, at_t, self.bonus):
            tables = observed = along(game, P)
            if self.n_comparisons is not None:
                wins = self._wins(game, P, solver, rng_for)
                observed = estimated(game, wins)
            judged = tables if path.judged_by == "t" else game
            yield from self._follow(observed, judged, game, solver, rng_for, labels | indexed)

    def _wins(self, game: PreferenceGame, P: Float, solver: Solver, rng_for: RngFor) -> Float:
        """Wins (points, ..., n, n) in finite data at every t."""
        assert self.n_comparisons is not None
        rng = rng_for("data", self.n_comparisons)
        drawn = Drawn.of(game, self.n_comparisons, rng)
        flips = np.rint(self._t * self.flips).astype(int)
        if self.path in ("random_raters", "reversed_raters"):
            return by_raters(drawn, self._t, self.raters, self.path == "reversed_raters", rng)
        if self.path == "random_flips":
            return random_flips(drawn, flips)
        if self.path == "adversarial_flips":
            return adversarial_flips(
                drawn.wins(drawn.labels(game.P)),
                flips,
                lambda wins: solver.solve(estimated(game, wins), rng_for("solver")).policy,
            )
        return label_by_label(drawn, P)

    def _follow(
        self,
        observed: PreferenceGame,
        judged: PreferenceGame,
        game: PreferenceGame,
        solver: Solver,
        rng_for: RngFor,
        labels: dict[str, Any],
    ) -> Iterator[Measurement]:
        """Measures of the answers to ``observed``, on ``judged``, point by point."""
        solution = solver.solve(observed, rng_for("solver"))
        policy, start = solution.policy, _point(solution, 0)
        loss, unknown = self._regret(solution, observed, judged, game, solver, rng_for)
        values = {
            "duality_gap": measures.duality_gap(judged, policy),
            "worst_win_rate": measures.worst_win_rate(judged, policy),
            "leader_value": measures.leader_value(judged, policy),
            "regret": loss,
            "shift": numerics.total_variation(policy, policy[:1]),
            "cyclic_share": measures.hodge_margins(observed).cyclic_share,
        }
        for k, at in enumerate(self._t):
            indexed = {**labels, "t": round(float(at), 12)}
            against = {"shift": start.message, "regret": unknown[k]}
            for metric, value in values.items():
                yield from each(
                    metric, value[k], game, _point(solution, k), against.get(metric, ""), **indexed
                )
        yield from self._largest_shift(game, solution, labels)

    def _regret(
        self,
        solution: Solution,
        observed: PreferenceGame,
        judged: PreferenceGame,
        game: PreferenceGame,
        solver: Solver,
        rng_for: RngFor,
    ) -> tuple[Float, Reasons]:
        """Regret at every point, and why the best value does not exist."""
        if observed is judged:
            best = solution
        elif self.n_comparisons is None:  # the path begins at the clean game
            best = _point(solution, 0)
        else:
            best = solver.solve(judged, rng_for("solver"))
        loss, policies = regret(solver, judged, best), solution.policy
        values = np.stack([loss(p) for p in policies]) if judged is game else loss(policies)
        return values, np.broadcast_to(loss.message, values.shape)

    def _largest_shift(
        self, game: PreferenceGame, solution: Solution, labels: dict[str, Any]
    ) -> Iterator[Measurement]:
        """The largest step between neighbours; undefined where no two of them have an answer."""
        policy = solution.policy
        steps = numerics.total_variation(policy[1:], policy[:-1])
        largest = np.where(np.isnan(steps), -np.inf, steps).max(0)
        largest = np.where(np.isinf(largest), np.nan, largest)
        first = (solution.message != "").argmax(0)[None]  # the first point without an answer
        reason = np.take_along_axis(solution.message, first, axis=0)[0]
        defined = replace(_point(solution, 0), status=np.full(game.batch, "ok"))
        indexed = {**labels, "points": self.points}
        yield from each("largest_shift", largest, game, defined, reason, **indexed)


def _point(solution: Solution, k: int) -> Solution:
    """The solution at one point of the path."""
    return replace(
        solution,
        log_policy=solution.log_policy[k],
        status=solution.status[k],
        message=solution.message[k],
        tau=None if solution.tau is None else solution.tau[k],
    )
