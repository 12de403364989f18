"""What does intransitivity, noise or a change of annotators cost, and does the answer jump?

Expected (derived; Munos et al. 2023, arXiv:2312.00886, Sec. 3.2): the duality gap of RLHF grows
with the cyclic share, that of NLHF stays 0 at tau = 0. With tau > 0 every answer moves continuously
along a path. At tau = 0 RLHF and, less often said, the SLHF leader jump where two answers swap
ranks; the Nash policy moves continuously wherever the maximal lottery is unique, e.g. between three
types that cycle, and jumps too where an answer begins to beat all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from games import Population, PreferenceGame, SpecError, measures, numerics
from games.game import Float
from games.population import majority, makes
from solvers import Solution, Solver
from tabular.experiment import Experiment, Measurement, RngFor, each

_NO_PART = 1e-12


@dataclass(frozen=True)
class Robustness(Experiment):
    """The answer along a path of games, all points solved as the contexts of one game.

    Attributes
    ----------
    path : "cyclic", "noise" or "annotators"
        cyclic: margins (1 - t) T + t C, with T and C the transitive and cyclic parts of P - 1/2
        scaled to the same largest margin; judged on the game at t. noise: labels are flipped with
        probability t / 2, so the solver sees (1 - t) P + t / 2; judged on the true game.
        annotators: each user type in turn has share t, the others divide the rest as before;
        judged on the game at t; needs a population that makes P by majority. At t = 1 noise
        leaves nothing to choose by, and cycles may: the last step at tau = 0 is often that tie.
    points : int >= 2
        How many values of t, evenly spaced in [0, 1].

    Raises
    ------
    SpecError
        If the path is unknown or has fewer than 2 points.
    """

    path: Literal["cyclic", "noise", "annotators"] = "cyclic"
    points: int = 21

    def __post_init__(self) -> None:
        if self.path not in ("cyclic", "noise", "annotators"):
            raise SpecError(
                f"robustness: path is {self.path!r}, expected cyclic, noise or annotators"
            )
        if self.points < 2:
            raise SpecError(f"robustness: points is {self.points}, expected at least 2")

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the measures at every t, then the largest step between neighbours."""
        t = np.linspace(0, 1, self.points)
        at_t = t.reshape(-1, *[1] * (len(game.batch) + 2))
        margins = game.P - 0.5
        if self.path == "noise":
            noisy = _along(game, 0.5 + (1 - at_t) * margins)
            truth = _along(game, np.broadcast_to(game.P, noisy.P.shape))
            yield from self._follow(noisy, truth, game, t, solver, rng_for, {})
        elif self.path == "cyclic":
            cyclic = measures.hodge_margins(game).cyclic
            parts = margins - cyclic, cyclic
            sizes = [abs(part).max((-1, -2), keepdims=True) for part in parts]
            if any((size < _NO_PART).any() for size in sizes):
                yield self._skipped("P - 1/2 has no cyclic or no transitive part")
                return
            scale = abs(margins).max((-1, -2), keepdims=True)
            T, C = (scale * part / size for part, size in zip(parts, sizes, strict=True))
            mixed = _along(game, 0.5 + (1 - at_t) * T + at_t * C)
            yield from self._follow(mixed, mixed, game, t, solver, rng_for, {})
        elif game.population is None or not makes(game.population, game.P):
            yield self._skipped("the game has no population whose majorities make P")
        else:
            for k in range(game.population.shares.shape[-1]):
                mixed = _along(game, _with_share(game.population, k, t))
                yield from self._follow(mixed, mixed, game, t, solver, rng_for, {"type": k})

    def _skipped(self, reason: str) -> Measurement:
        labels = {"path": self.path}
        return Measurement("largest_shift", np.nan, None, labels, "skipped", reason)

    def _follow(
        self,
        observed: PreferenceGame,
        judged: PreferenceGame,
        game: PreferenceGame,
        t: Float,
        solver: Solver,
        rng_for: RngFor,
        labels: dict[str, Any],
    ) -> Iterator[Measurement]:
        """Measures of the answers to ``observed``, on ``judged``, point by point."""
        solution = solver.solve(observed, rng_for("solver"))
        policy, start = solution.policy, _point(solution, 0)
        values = {
            "duality_gap": measures.duality_gap(judged, policy),
            "worst_win_rate": measures.worst_win_rate(judged, policy),
            "leader_value": measures.leader_value(judged, policy),
            "shift": numerics.total_variation(policy, policy[:1]),
            "cyclic_share": measures.hodge_margins(observed).cyclic_share,
        }
        labels = {"path": self.path, **labels}
        for k, at in enumerate(t):
            indexed = {**labels, "t": round(float(at), 12)}
            point = _point(solution, k)
            for metric, value in values.items():
                against = start.message if metric == "shift" else ""
                yield from each(metric, value[k], game, point, against, **indexed)
        yield from self._largest_shift(game, solution, labels)

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
    )


def _along(game: PreferenceGame, P: Float) -> PreferenceGame:
    """The game with the tables of a path as contexts; references and pairs stay."""
    return PreferenceGame(P, game.ref, game.ref_follower, game.pairs, game.names)


def _with_share(people: Population, k: int, t: Float) -> Float:
    """P when type ``k`` has share t and the others keep their proportions."""
    utilities, shares = people.utilities, people.shares
    others = np.delete(shares, k, axis=-1)
    others = others / others.sum(-1, keepdims=True)
    rest = majority(Population(others, np.delete(utilities, k, axis=-2)))
    alone = majority(Population(np.ones_like(shares[..., :1]), utilities[..., k : k + 1, :]))
    at_t = t.reshape(-1, *[1] * alone.ndim)
    return np.asarray(at_t * alone + (1 - at_t) * rest)
