"""The fewest labels whose reversal changes the likeliest answer."""

import itertools
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from games import Comparisons, PreferenceGame, SolverError, measures
from games.game import TIE_TOL, Float
from solvers import Solver, taus
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.matching import MatchedKl

_SLACK = 1e-9
_GUIDE = 0.05
_LEAST_LOG = -700.0
_MOST_GREEDY_STEPS = 1_000
Flips = NDArray[np.int64]
"""(n, n): how many of the labels "i over j" are reversed."""


@dataclass(frozen=True)
class SmallestFlip:
    """How many labels must be reversed before the likeliest answer is no longer alone at the top.

    Attributes
    ----------
    at_least : int
        Every smaller set leaves the answer in place.
    flips : int array (n, n), or None
        A set of reversals that changes it, verified by solving again; None if none was found.
    message : str
        Why there is no number, if the answer does not exist; else "".
    """

    at_least: int
    flips: Flips | None
    message: str = ""

    @property
    def size(self) -> float:
        """Number of labels in ``flips``: an upper bound, exact if it equals ``at_least``."""
        return np.nan if self.flips is None else float(self.flips.sum())


def smallest_flip(
    solver: Solver,
    comparisons: Comparisons,
    game: PreferenceGame | None = None,
    exact_up_to: int = 3,
    most_sets: int = 20_000,
) -> SmallestFlip:
    """The fewest reversed labels after which another answer is at least as likely.

    Exact in closed form where the order of the answers is known: for SLHF with tau_follower = 0
    (a leader without a KL penalty or with a uniform reference) by a scan over challengers, pairs
    and thresholds of V; for RLHF with equally many labels a pair (likewise) by Borda scores.
    Elsewhere every set of up to ``exact_up_to`` labels is tried, equal labels counted once, then a
    greedy search gives an upper bound. A tied answer has 0.

    Parameters
    ----------
    solver : Solver
    comparisons : Comparisons
        Of one context; ties are not reversed.
    game : PreferenceGame, optional
        Gives the references; uniform if left out.
    exact_up_to : int >= 0
        Largest sets that are tried exhaustively.
    most_sets : int >= 1
        No size with more sets than this is tried.

    Raises
    ------
    SolverError
        If the comparisons have several contexts, or fractional wins.
    """
    wins = np.asarray(comparisons.wins)
    if wins.ndim != 2 or not np.array_equal(wins, np.round(wins)):
        raise SolverError(
            f"smallest_flip: wins have shape {wins.shape}, expected whole numbers in one context "
            "(n, n); pass the contexts one by one"
        )
    observed = comparisons.game(None if game is None else game.ref)
    if game is not None:
        observed = replace(observed, ref_follower=game.ref_follower)
    search = _Search(solver, comparisons, observed)
    scores = search.scores(wins[None])[0]
    if np.isnan(scores).any():
        reason = str(solver.solve(observed).message)
        return SmallestFlip(0, None, reason or "the answer does not exist")
    if search.margins(wins[None])[0] <= _SLACK:
        return SmallestFlip(0, np.zeros(wins.shape, np.int64))
    found = _closed_form(solver, comparisons, observed, search.top)
    if found is not None and search.margins(_flipped(wins, found)[None])[0] <= _SLACK:
        return SmallestFlip(int(found.sum()), found)
    tried = 0
    for size in range(1, exact_up_to + 1):
        sets = list(_sets(wins, size, most_sets))
        if not sets:
            break
        margins = search.margins(np.stack([_flipped(wins, flips) for flips in sets]))
        best = int(np.argmin(margins))
        if margins[best] <= _SLACK:
            return SmallestFlip(size, sets[best])
        tried = size
    return SmallestFlip(tried + 1, search.greedy(wins))


class _Search:
    """Solves the game of a table of wins again, and says by how much the first answer leads."""

    def __init__(self, solver: Solver, comparisons: Comparisons, game: PreferenceGame) -> None:
        self.solver, self.comparisons, self.game = solver, comparisons, game
        self.top = int(np.nan_to_num(self.scores(comparisons.wins[None])[0]).argmax())

    def scores(self, wins: Float) -> Float:
        """Numbers that order the answers as their probabilities do; (sets, n)."""
        ties = np.broadcast_to(self.comparisons.ties, wins.shape)
        games = Comparisons(wins, ties, self.game.names).game(self.game.ref)
        games = replace(games, ref_follower=self.game.ref_follower)
        if isinstance(self.solver, RlhfExact) and self.solver.tau == 0:
            return self.solver.rewards(games)
        if isinstance(self.solver, SlhfExact) and self.solver.tau_leader == 0:
            return measures.follower_values(games, self.solver.tau_follower)
        return np.maximum(self.solver.solve(games).log_policy, _LEAST_LOG)

    def margins(self, wins: Float) -> Float:
        """Score of the first answer less that of the best other one; inf where undefined."""
        scores = self.scores(wins)
        others = np.delete(scores, self.top, axis=-1)
        lead = scores[..., self.top] - others.max(-1)
        return np.where(np.isnan(lead), np.inf, lead)

    def greedy(self, wins: Float) -> Flips | None:
        """Reverse the label that lowers the lead most, until it is gone; no label twice.

        The lead of an unregularised answer may stay the same whatever label is reversed. The lead
        at a small tau, which moves with every label, then decides.
        """
        guide = self._guide()
        flips = np.zeros(wins.shape, np.int64)
        for _ in range(_MOST_GREEDY_STEPS):
            steps = list(_sets(np.where(flips.T > 0, 0, wins - flips), 1, flips.size))
            if not steps:
                return None
            options = np.stack([flips + step for step in steps])
            tables = np.stack([_flipped(wins, option) for option in options])
            margins = self.margins(tables)
            best = int(np.argmin(margins))
            if margins[best] <= _SLACK:
                return np.asarray(options[best])
            flips = options[int(np.argmin(guide.margins(tables)))]
        return None

    def _guide(self) -> "_Search":
        if any(getattr(self.solver, name, 1.0) > 0 for name in taus(type(self.solver))):
            return self
        guide = copy(self)
        guide.solver = self.solver.at_tau(_GUIDE)
        return guide


def _flipped(wins: Float, flips: Flips) -> Float:
    return np.asarray(wins - flips + flips.T)


def _sets(wins: Float, size: int, most: int) -> Iterator[Flips]:
    """Every set of ``size`` labels, equal labels counted once; nothing if there are too many."""
    kinds = np.argwhere(wins > 0)
    count = 1
    for k in range(size):
        count = count * (len(kinds) + k) // (k + 1)
    if count > most:
        return
    for chosen in itertools.combinations_with_replacement(range(len(kinds)), size):
        flips = np.zeros(wins.shape, np.int64)
        np.add.at(flips, tuple(kinds[list(chosen)].T), 1)
        if (flips <= wins).all() and not (np.minimum(flips, flips.T) > 0).any():
            yield flips


def _closed_form(
    solver: Solver, comparisons: Comparisons, game: PreferenceGame, top: int
) -> Flips | None:
    """The exact answer where the order of the answers is known in closed form; else None."""
    kind = solver.solver if isinstance(solver, MatchedKl) else type(solver)
    params = solver.params if isinstance(solver, MatchedKl) else vars(solver)
    uniform = bool(np.ptp(game.ref) <= TIE_TOL)
    pairs = comparisons.pairs[np.triu_indices(game.n, 1)]
    if issubclass(kind, SlhfExact) and params.get("tau_follower") == 0:
        ordered = uniform or params.get("tau_leader") == 0
        return _maximin(comparisons, top) if ordered else None
    if issubclass(kind, RlhfExact) and np.ptp(pairs) == 0 and pairs[0] > 0:
        ordered = uniform or params.get("tau") == 0
        return _borda(comparisons.wins, comparisons.points, top) if ordered else None
    return None


def _borda(wins: Float, points: Float, top: int) -> Flips | None:
    """With equally many labels a pair, rewards are ordered as row sums of points.

    A label between the two answers moves their difference by 2, any other label of theirs by 1.
    """
    n = len(wins)
    totals = points.sum(-1)
    best: Flips | None = None
    for challenger in np.delete(np.arange(n), top):
        gap = totals[top] - totals[challenger]
        flips = np.zeros(wins.shape, np.int64)
        flips[top, challenger] = min(wins[top, challenger], np.ceil(gap / 2))
        gap -= 2 * flips[top, challenger]
        for j in np.delete(np.arange(n), [top, int(challenger)]):
            for winner, loser in ((top, j), (j, challenger)):
                flips[winner, loser] = min(wins[winner, loser], max(0, np.ceil(gap)))
                gap -= flips[winner, loser]
        if gap <= 0:
            best = _fewer(best, flips)
    return best


def _maximin(comparisons: Comparisons, top: int) -> Flips | None:
    """Lower the worst win rate of the first answer to v and raise another's to v, at least cost.

    v runs over the win rates that the two answers can be brought to, and 1/2, their rate against
    themselves.
    """
    wins, pairs = np.asarray(comparisons.wins), np.asarray(comparisons.pairs)
    compared = pairs > 0
    P = np.where(compared, (wins + comparisons.ties / 2) / np.where(compared, pairs, 1), 0.5)
    n = len(P)
    best: Flips | None = None
    for challenger in np.delete(np.arange(n), top):
        low, high = P[challenger].min(), P[top].min()
        reachable = [np.array([high])]
        for answer, sign in ((top, -1), (challenger, 1)):
            for j in np.flatnonzero(compared[answer]):
                reach = P[answer, j] + sign * np.arange(pairs[answer, j] + 1) / pairs[answer, j]
                reachable.append(reach[(reach >= low - _SLACK) & (reach <= high + _SLACK)])
        v = np.unique(np.concatenate(reachable))[:, None]
        raised = np.ceil(pairs[challenger] * (v - P[challenger]) - _SLACK).clip(0)
        impossible = (raised > wins[:, challenger]) | (raised > 0) & ~compared[challenger]
        lowered = np.ceil(pairs[top] * (P[top] - v) - _SLACK).clip(0)
        lowered = np.where(compared[top] & (lowered <= wins[top]) | (lowered == 0), lowered, np.inf)
        lowered[:, top] = np.where(v[:, 0] >= 0.5 - _SLACK, 0, np.inf)
        lowered[:, challenger] -= raised[:, top]
        extra = lowered.clip(0)
        cost = raised.sum(-1) + extra.min(-1)
        cost[impossible.any(-1) | (v[:, 0] > 0.5 + _SLACK)] = np.inf
        k = int(cost.argmin())
        if np.isfinite(cost[k]):
            flips = np.zeros(P.shape, np.int64)
            flips[:, challenger] = raised[k]
            flips[top, int(extra[k].argmin())] += int(extra[k].min())
            best = _fewer(best, flips)
    return best


def _fewer(first: Flips | None, second: Flips) -> Flips:
    return second if first is None or second.sum() < first.sum() else first
