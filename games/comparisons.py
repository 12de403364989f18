"""Observed comparisons: who was compared with whom, and who won."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games.errors import GameError
from games.game import Float, PreferenceGame
from games.validation import frozen


@dataclass(frozen=True, init=False, eq=False)
class Comparisons:
    """Counts of comparisons; ties count half to each side.

    Attributes
    ----------
    wins : float array (..., n, n), >= 0
        ``wins[i, j]``: how often i was preferred to j.
    ties : float array (..., n, n), symmetric, >= 0; none if left out
        How often i and j were judged equal, in both triangles.
    names : n strings; "0", "1", ... if left out
    prompts : one string a context, optional
    raters : float array (m, ..., n, n), >= 0, or None if it is not known who compared
        The wins of each rater, which sum to ``wins``; what a rater ties is half a win each way.

    Raises
    ------
    GameError
        If counts are negative, not finite, not square, or compare an answer with itself, if the
        wins of the raters do not sum to ``wins``, or if there are too few or too many names or
        prompts.
    """

    wins: Float
    ties: Float
    names: tuple[str, ...]
    prompts: tuple[str, ...]
    raters: Float | None

    def __init__(
        self,
        wins: ArrayLike,
        ties: ArrayLike | None = None,
        names: Sequence[str] = (),
        prompts: Sequence[str] = (),
        raters: ArrayLike | None = None,
    ) -> None:
        wins = frozen("Comparisons: wins", wins)
        ties = frozen("Comparisons: ties", np.zeros_like(wins) if ties is None else ties)
        if wins.ndim < 2 or wins.shape[-1] != wins.shape[-2] or ties.shape != wins.shape:
            raise GameError(
                f"Comparisons: wins {wins.shape} and ties {ties.shape} must both be (..., n, n)"
            )
        by = None if raters is None else frozen("Comparisons: raters", raters)
        if by is not None and (by.shape[1:] != wins.shape or by.size == 0):
            shape = ", ".join(map(str, wins.shape))
            raise GameError(
                f"Comparisons: raters {by.shape} must be (m, {shape}): one table of wins for each "
                "of at least one rater"
            )
        for what, counts in (("wins", wins), ("ties", ties), ("raters", by)):
            if counts is None:
                continue
            if not (counts >= 0).all() or not np.isfinite(counts).all():
                raise GameError(f"Comparisons: {what} must be finite and >= 0")
            if np.diagonal(counts, axis1=-2, axis2=-1).any():
                raise GameError(f"Comparisons: {what} compares an answer with itself; drop those")
        if not np.array_equal(ties, np.swapaxes(ties, -1, -2)):
            raise GameError("Comparisons: ties must be symmetric: enter each tie in both triangles")
        if by is not None and not np.allclose(by.sum(0), wins, rtol=1e-9, atol=0):
            raise GameError(
                "Comparisons: the wins of the raters do not sum to wins; "
                "use Comparisons.by_rater, which adds them up"
            )
        n, contexts = wins.shape[-1], int(np.prod(wins.shape[:-2]))
        for what, given, wanted in (("names", names, n), ("prompts", prompts, contexts)):
            if len(given) not in (0, wanted):
                raise GameError(
                    f"Comparisons: {len(given)} {what}, expected {wanted}: one for each "
                    f"{'answer' if what == 'names' else 'context'}, or none"
                )
        object.__setattr__(self, "wins", wins)
        object.__setattr__(self, "ties", ties)
        object.__setattr__(self, "names", tuple(names) or tuple(map(str, range(n))))
        object.__setattr__(self, "prompts", tuple(prompts))
        object.__setattr__(self, "raters", by)

    @staticmethod
    def by_rater(
        raters: ArrayLike, names: Sequence[str] = (), prompts: Sequence[str] = ()
    ) -> "Comparisons":
        """The comparisons of several raters from the wins of each, shape (m, ..., n, n).

        Raises
        ------
        GameError
            If there is no rater, or a count is out of range.
        """
        wins = frozen("Comparisons: raters", raters)
        if wins.ndim < 3 or wins.shape[0] == 0:
            raise GameError(
                f"Comparisons: raters {wins.shape} must be (m, ..., n, n) with at least one rater"
            )
        return Comparisons(wins.sum(0), None, names, prompts, wins)

    @property
    def pairs(self) -> Float:
        """How often each pair was compared; (..., n, n), symmetric."""
        return np.asarray(self.wins + np.swapaxes(self.wins, -1, -2) + self.ties)

    @property
    def points(self) -> Float:
        """Wins plus half the ties; (..., n, n)."""
        return np.asarray(self.wins + self.ties / 2)

    @property
    def shares(self) -> Float:
        """The points of i against j divided by their pairs, 1/2 if never compared; (..., n, n)."""
        half = np.full(self.wins.shape, 0.5)
        return np.asarray(np.divide(self.points, self.pairs, out=half, where=self.pairs > 0))

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """Mask (..., n, n) of the pairs that were never compared; the diagonal is False."""
        n = self.wins.shape[-1]
        return np.asarray((self.pairs == 0) & ~np.eye(n, dtype=bool))

    def game(self, ref: ArrayLike | None = None) -> PreferenceGame:
        """The game of observed win rates: P = (wins + ties / 2) / pairs, unseen pairs 1/2.

        Raises
        ------
        GameError
            If a context has no comparison at all.
        """
        pairs = self.pairs
        if not (pairs.sum((-1, -2)) > 0).all():
            raise GameError(
                "Comparisons: a context has no comparison; drop it"
                if pairs.ndim > 2
                else "Comparisons: nothing is compared; give at least one comparison"
            )
        return PreferenceGame(self.shares, ref, pairs=pairs, names=self.names)

    @staticmethod
    def sample(game: PreferenceGame, n_comparisons: int, rng: np.random.Generator) -> "Comparisons":
        """Draw comparisons in each context: pairs from ``game.pairs``, winners from ``game.P``.

        Parameters
        ----------
        game : PreferenceGame
        n_comparisons : int >= 1
            In each context.
        rng : Generator

        Raises
        ------
        GameError
            If ``n_comparisons`` < 1 or the game has a single answer.
        """
        if n_comparisons < 1 or game.n < 2:
            raise GameError(
                f"Comparisons.sample: cannot draw {n_comparisons} comparisons of {game.n} answers; "
                "need at least one comparison and two answers"
            )
        i, j = np.triu_indices(game.n, 1)
        weights = game.pair_weights[..., i, j]
        counts = rng.multinomial(n_comparisons, weights / weights.sum(-1, keepdims=True))
        upper = rng.binomial(counts, game.P[..., i, j])
        wins = np.zeros((*game.batch, game.n, game.n))
        wins[..., i, j] = upper
        wins[..., j, i] = counts - upper
        return Comparisons(wins, names=game.names)

    @staticmethod
    def sample_raters(
        raters: PreferenceGame, n_comparisons: int, rng: np.random.Generator
    ) -> "Comparisons":
        """Draw comparisons by each of several raters, who need not agree.

        Parameters
        ----------
        raters : PreferenceGame
            The first axis of its contexts is the rater: ``P[k]`` is what rater k prefers, e.g.
            ``PreferenceGame.stack([game] * 9 + [reversed_game])``.
        n_comparisons : int >= 1
            By each rater, in each context.
        rng : Generator

        Raises
        ------
        GameError
            If the game has no context, a single answer, or ``n_comparisons`` < 1.
        """
        if not raters.batch:
            raise GameError(
                "Comparisons.sample_raters: the game has no contexts; its first axis is the rater: "
                "stack one game a rater with PreferenceGame.stack"
            )
        wins = Comparisons.sample(raters, n_comparisons, rng).wins
        return Comparisons.by_rater(wins, raters.names)
