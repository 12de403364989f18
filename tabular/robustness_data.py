"""Labels of finite data along a path: the same comparisons at every t (common random numbers)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from games import Comparisons, PreferenceGame, numerics
from games.game import TIE_TOL, Float

Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Drawn:
    """Comparisons drawn once in every context; what raters answer in them may change.

    Attributes
    ----------
    game : PreferenceGame
        The truth; pairs are drawn from ``game.pairs``.
    cell : int array (contexts, n_comparisons)
        Which context and pair i < j is compared, in random order within a context.
    level : float array (contexts, n_comparisons) in [0, 1)
        The first answer of the pair wins where its probability exceeds this number.
    """

    game: PreferenceGame
    cell: NDArray[np.int64]
    level: Float

    @staticmethod
    def of(game: PreferenceGame, n_comparisons: int, rng: np.random.Generator) -> "Drawn":
        """Draw pairs and levels of ``n_comparisons`` in each context."""
        weights = game.pair_weights[..., *np.triu_indices(game.n, 1)]
        counts = rng.multinomial(n_comparisons, weights / weights.sum(-1, keepdims=True))
        cell = np.repeat(np.arange(counts.size), counts.ravel()).reshape(-1, n_comparisons)
        return Drawn(game, rng.permuted(cell, axis=1), rng.random(cell.shape))

    def labels(self, P: Float) -> Labels:
        """Whether the first answer of each pair wins, if it does with probability ``P``."""
        upper = P[..., *np.triu_indices(self.game.n, 1)]
        return np.asarray(self.level < upper.ravel()[self.cell])

    def wins(self, labels: Labels) -> Float:
        """How often i was preferred to j, shape (..., n, n)."""
        game, (i, j) = self.game, np.triu_indices(self.game.n, 1)
        out = np.zeros((*game.batch, game.n, game.n))
        shape = (*game.batch, len(i))
        for winner, loser, won in ((i, j, labels), (j, i, ~labels)):
            counts = np.bincount(self.cell[won], minlength=int(np.prod(shape)))
            out[..., winner, loser] = counts.reshape(shape)
        return out


def label_by_label(drawn: Drawn, P: Float) -> Float:
    """Wins (points, ..., n, n) where every label at a point is drawn from the table of it."""
    return np.stack([drawn.wins(drawn.labels(table)) for table in P])


def by_raters(
    drawn: Drawn, t: Float, raters: int, reverse: bool, rng: np.random.Generator
) -> Float:
    """Wins (points, ..., n, n) where each rater is bad with probability t, in all comparisons.

    Comparisons are dealt to the raters in turn. A bad rater tosses a coin or, with ``reverse``,
    says the opposite of what it would; who is bad at one t is bad at all larger ones. The labels of
    a rater go wrong together: wins vary more than if each label went wrong separately.
    """
    contexts, n_comparisons = drawn.cell.shape
    clean, coin = drawn.labels(drawn.game.P), rng.random(drawn.cell.shape) < 0.5
    bad_from = rng.random((contexts, raters))[:, np.arange(n_comparisons) % raters]
    wrong = ~clean if reverse else coin
    return np.stack([drawn.wins(np.where(bad_from < at, wrong, clean)) for at in t])


def random_flips(drawn: Drawn, flips: NDArray[np.int64]) -> Float:
    """Wins (points, ..., n, n) with that many labels flipped; those of fewer flips stay flipped."""
    clean = drawn.labels(drawn.game.P)
    order = np.arange(drawn.cell.shape[1])
    return np.stack([drawn.wins(clean ^ (order < k)) for k in flips])


def adversarial_flips(
    wins: Float, flips: NDArray[np.int64], answer: Callable[[Float], Float]
) -> Float:
    """Wins (points, ..., n, n) with at most that many labels flipped against one method's answer.

    Greedy: from one point to the next, the new flips all go to one winner and loser, which are
    chosen by solving again for every pair of them (and for no flip), so that the shift from the
    clean answer is largest. Where that is a tie, wins are taken from the likeliest clean answer in
    its closest pair. It is a lower bound on what flips can do; the shift never falls with t. It
    costs (points - 1) (n (n - 1) + 1) answers in each context.

    Parameters
    ----------
    wins : float array (..., n, n)
        Clean data.
    flips : int array (points,), non-decreasing from 0
    answer : callable
        Wins (candidates, ..., n, n) -> policies (candidates, ..., n); NaN where there is none,
        which the adversary avoids.
    """
    n = wins.shape[-1]
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    moves = np.zeros((len(i) + 1, *[1] * (wins.ndim - 2), n, n))  # the first flips nothing
    number = np.arange(1, len(i) + 1)
    moves[number, ..., i, j], moves[number, ..., j, i] = -1, 1
    start = answer(wins[None])
    likeliest = start[0].argmax(-1)
    out = [wins]
    for k in np.diff(flips):
        flipped = np.zeros((len(i) + 1, *wins.shape[:-2]))
        flipped[1:] = np.minimum(k, np.moveaxis(out[-1][..., i, j], -1, 0))
        candidates = out[-1] + flipped[..., None, None] * moves
        shift = numerics.total_variation(answer(candidates), start)
        shift = np.where(np.isnan(shift), -1, shift)
        rate = out[-1] / np.maximum(1, out[-1] + np.swapaxes(out[-1], -1, -2))
        from_likeliest = (i == likeliest[..., None]) * (2 - rate[..., i, j])
        taken = np.zeros_like(flipped)
        taken[1:] = np.moveaxis(from_likeliest, -1, 0) * (flipped[1:] > 0)
        best = np.where(shift >= shift.max(0) - TIE_TOL, taken, -1).argmax(0)
        out.append(np.take_along_axis(candidates, best[None, ..., None, None], axis=0)[0])
    return np.stack(out)


def along(game: PreferenceGame, P: Float) -> PreferenceGame:
    """The game with tables (points, ..., n, n) as contexts; references and pairs stay."""
    return PreferenceGame(P, game.ref, game.ref_follower, game.pairs, game.names)


def estimated(game: PreferenceGame, wins: Float) -> PreferenceGame:
    """The games of win rates among finite data, one context a point; references stay."""
    data = Comparisons(wins)
    return PreferenceGame(data.game().P, game.ref, game.ref_follower, data.pairs, game.names)
