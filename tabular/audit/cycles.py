"""Are the cycles real? Those that the votes establish, and what a transitive truth would show."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from games import PreferenceGame, measures
from games.game import Float
from results.statistics import holm
from tabular.audit import davidson
from tabular.audit.pair_tests import PairTests
from tabular.audit.votes import Votes

_LEVEL = 0.05
_DRAWN_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Cycle:
    """A three-cycle first > second > third > first.

    Attributes
    ----------
    answers : three ints
    p_value : float in (0, 1]
        The largest of the one-sided p-values of its three pairs: of the hypothesis that one of
        them does not lead.
    adjusted : float in (0, 1]
        Holm's adjustment over all triples of answers.
    """

    answers: tuple[int, int, int]
    p_value: float
    adjusted: float

    @property
    def established(self) -> bool:
        """Whether it is beyond what chance does in 5 % of data sets without a cycle."""
        return self.adjusted <= _LEVEL


def three_cycles(tests: PairTests) -> list[Cycle]:
    """The observed three-cycles, the best established first.

    Each triple counts as one test, whether it is a cycle or not: it can go round only one way.
    """
    p = tests.p_value
    n = len(p)
    i, j, k = np.array(list(combinations(range(n), 3)), dtype=np.int64).reshape(-1, 3).T
    forward = np.maximum(np.maximum(p[i, j], p[j, k]), p[k, i])
    back = np.maximum(np.maximum(p[j, i], p[k, j]), p[i, k])
    smallest = np.minimum(forward, back)
    adjusted = holm(smallest)
    lead = tests.share > 0.5
    ahead = lead[i, j] & lead[j, k] & lead[k, i]
    behind = lead[j, i] & lead[k, j] & lead[i, k]
    found = np.flatnonzero(ahead | behind)
    found = found[np.argsort(smallest[found], kind="stable")]
    return [
        Cycle(
            (int(i[t]), int(j[t]), int(k[t])) if ahead[t] else (int(i[t]), int(k[t]), int(j[t])),
            float(smallest[t]),
            float(adjusted[t]),
        )
        for t in found
    ]


@dataclass(frozen=True)
class Shape:
    """What data sets look like, as shares of the data sets drawn or means over them.

    Attributes
    ----------
    cyclic_share : float array (draws,), in [0, 1]
        Squared norm of the cyclic part of the margins over that of all.
    single_gap : float array (draws,), in [0, 1]
        The margin by which each single answer is beaten by some other: 1 - 2 max_i min_j P_ij.
    condorcet : float array (n,)
        How often each answer beats all others.
    smith : float array (n,)
        How often each answer is in the Smith set.
    no_winner : float in [0, 1]
        How often no answer beats all others.
    """

    cyclic_share: Float
    single_gap: Float
    condorcet: Float
    smith: Float
    no_winner: float


def shape(points: Float) -> Shape:
    """The shape of data sets, from their points (draws, n, n)."""
    pairs = points + np.swapaxes(points, -1, -2)
    P = np.divide(points, pairs, out=np.full(points.shape, 0.5), where=pairs > 0)
    game = PreferenceGame(P)
    winners = measures.condorcet_winner(game)
    parts = measures.hodge_margins(game)
    rows = P + np.eye(P.shape[-1])  # an answer is no reply to itself
    return Shape(
        np.asarray(parts.cyclic_share),
        np.maximum(1 - 2 * rows.min(-1).max(-1), 0.0),
        winners.mean(0),
        measures.smith_set(game).mean(0),
        float(1 - winners.any(-1).mean()),
    )


@dataclass(frozen=True)
class Cycles:
    """How cyclic the votes are, beside what they would be if rewards told everything.

    Attributes
    ----------
    found : list of Cycle
    observed, bootstrap, null : Shape
        Of the votes themselves; of samples of them; of samples from the fitted rewards with ties.
    share_p_value, gap_p_value : float in (0, 1]
        Share of samples from the fitted rewards that are as cyclic, or leave as large a gap.
    """

    found: list[Cycle]
    observed: Shape
    bootstrap: Shape
    null: Shape
    share_p_value: float
    gap_p_value: float

    @property
    def cyclic(self) -> bool:
        """Whether some three-cycle is established."""
        return any(cycle.established for cycle in self.found)


def cycles(
    votes: Votes, tests: PairTests, draws: int, rng: np.random.Generator, by: str | None = None
) -> Cycles:
    """Find the three-cycles, and compare the shape of the votes with that of transitive ones.

    The null is independent comparisons from the fitted rewards: a data set whose answers are
    nearly tied has no winner in most samples, cycle or not, so that frequencies say something
    only beside those of the null.
    """
    data = votes.comparisons()
    model = davidson.fit(data)
    observed = shape(votes.points[None])
    bootstrap = _over_blocks(lambda size: votes.resampled(size, rng, by), votes.n, draws)
    null = _over_blocks(lambda size: model.sample(data.pairs, size, rng).points, votes.n, draws)

    def p_value(drawn: Float, value: Float) -> float:
        return (1 + int((drawn >= value - 1e-12).sum())) / (1 + draws)

    return Cycles(
        three_cycles(tests),
        observed,
        bootstrap,
        null,
        p_value(null.cyclic_share, observed.cyclic_share[0]),
        p_value(null.single_gap, observed.single_gap[0]),
    )


def _over_blocks(draw: Callable[[int], Float], n: int, draws: int) -> Shape:
    block = max(1, _DRAWN_AT_ONCE // n**2)
    sizes = [min(block, draws - start) for start in range(0, draws, block)]
    shapes = [shape(draw(size)) for size in sizes]
    weights = np.array(sizes, dtype=float)
    return Shape(
        np.concatenate([part.cyclic_share for part in shapes]),
        np.concatenate([part.single_gap for part in shapes]),
        np.average([part.condorcet for part in shapes], axis=0, weights=weights),
        np.average([part.smith for part in shapes], axis=0, weights=weights),
        float(np.average([part.no_winner for part in shapes], weights=weights)),
    )
