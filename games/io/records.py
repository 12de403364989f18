"""Comparisons one by one: who was compared, who won, by whom, on which prompt, in which order."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from games.comparisons import Comparisons
from games.errors import GameError
from games.game import Float
from games.io.tables import Codes

_MOST_ENTRIES = 50_000_000
"""Most entries of the tables of all contexts together."""


@dataclass(frozen=True, eq=False)
class Records:
    """Comparisons one by one, as arrays of equal length (m,).

    Attributes
    ----------
    first, second : int array (m,)
        Which of ``names`` were compared; never equal.
    share : float array (m,), in [0, 1]
        How much of the win goes to ``first``: 1, 0, 1/2 for a tie, or a probability.
    weight : float array (m,), > 0
        How many comparisons it stands for.
    prompt : int array (m,)
        Which of ``prompts`` it belongs to; -1 if there are none.
    rater : int array (m,)
        Which of ``raters`` compared; -1 if that is not known.
    order : int array (m,)
        1 if ``first`` was shown first, -1 if ``second`` was, 0 if that is not known.
    cluster : int array (m,)
        Comparisons of one cluster are not independent: all pairs that one rater's ratings of the
        answers to a prompt make, or one record's list. Else each is a cluster by itself.
    row : int array (m,)
        The row of the file that it comes from, counted from 0.
    names : n strings
        The answers, sorted.
    prompts, raters : strings
        In order of appearance; none if the file has no such column.
    contexts : bool
        Whether each prompt becomes a context of the game, instead of all being pooled.
    """

    first: Codes
    second: Codes
    share: Float
    weight: Float
    prompt: Codes
    rater: Codes
    order: NDArray[np.int8]
    cluster: NDArray[np.int64]
    row: NDArray[np.int64]
    names: tuple[str, ...]
    prompts: tuple[str, ...] = ()
    raters: tuple[str, ...] = ()
    contexts: bool = False

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Records":
        """The records of these rows, or of those that a mask marks; with the same names."""
        per_row = ("first", "second", "share", "weight", "prompt", "rater", "order", "cluster")
        return replace(self, **{name: getattr(self, name)[rows] for name in (*per_row, "row")})

    def comparisons(self) -> Comparisons:
        """Count them: contexts if ``contexts``, else pooled.

        Raises
        ------
        GameError
            If the tables of all contexts would be too large.
        """
        n = len(self.names)
        contexts = len(self.prompts) if self.contexts else 1
        if contexts > 1 and contexts * n * n > _MOST_ENTRIES:
            raise GameError(
                f"{contexts:,} prompts of {n:,} answers are too many for a table each; pool them: "
                "leave out --by-prompt"
            )
        first, second = self.first.astype(np.int64), self.second.astype(np.int64)
        start = self.prompt * np.int64(n * n) if self.contexts else 0
        ahead, behind = start + first * n + second, start + second * n + first
        tied = self.share == 0.5
        won = self.weight * self.share * ~tied
        lost = self.weight * (1 - self.share) * ~tied
        shape = (contexts, n, n) if self.contexts else (n, n)

        def counted(at: NDArray[np.int64], weight: Float) -> Float:
            return np.bincount(at, weight, contexts * n * n).astype(np.float64).reshape(shape)

        ties = counted(ahead[tied], self.weight[tied])
        return Comparisons(
            counted(ahead, won) + counted(behind, lost),
            ties + np.swapaxes(ties, -1, -2),
            self.names,
            self.prompts if self.contexts else (),
        )

    def complete(self) -> bool:
        """Whether there are several prompts, and each compares every pair of all answers."""
        n, contexts = len(self.names), len(self.prompts)
        pairs = contexts * (n * (n - 1) // 2)
        if contexts < 2 or len(self) < pairs:
            return False
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        pair = low.astype(np.int64) * n + high
        found = np.unique(self.prompt * np.int64(n * n) + pair)
        return len(found) == pairs


def from_counts(counts: Comparisons) -> Records:
    """Counted comparisons as one record for each outcome of a pair, weighted by how often."""
    n = counts.wins.shape[-1]
    upper = np.triu(np.ones((n, n)))
    outcomes = np.stack([counts.wins, counts.ties * upper]).reshape(2, -1, n, n)
    tied, context, first, second = np.nonzero(outcomes)
    row = np.arange(len(first))
    unknown = np.full(len(row), -1, np.int32)
    contexts = counts.wins.ndim > 2
    prompts = counts.prompts or tuple(map(str, range(outcomes.shape[1] if contexts else 0)))
    return Records(
        first.astype(np.int32),
        second.astype(np.int32),
        np.where(tied == 1, 0.5, 1.0),
        outcomes[tied, context, first, second],
        context.astype(np.int32) if contexts else unknown,
        unknown,
        np.zeros(len(row), np.int8),
        row,
        row,
        counts.names,
        prompts,
        contexts=contexts,
    )
