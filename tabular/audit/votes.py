"""``Votes``: comparisons one by one with their clusters, and data sets drawn from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from games.comparisons import Comparisons
from games.game import Float, PreferenceGame
from games.io.records import Records, from_counts

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Votes:
    """Comparisons one by one.

    Attributes
    ----------
    first, second : int arrays (m,)
        The answers that were compared, as positions in ``names``.
    share : float array (m,), in [0, 1]
        The share of the win that went to the first: 1, 0, or 1/2 for a tie.
    weight : float array (m,), >= 0
        How often the comparison was made.
    names : n strings
    clusters : mapping
        What the comparisons have in common -> int array (m,), such as the rater of each.
        Comparisons of different clusters are independent.
    cluster_names : mapping
        What the comparisons have in common -> names of the clusters by number; may be missing.
    """

    first: Ints
    second: Ints
    share: Float
    weight: Float
    names: tuple[str, ...]
    clusters: Mapping[str, Ints]
    cluster_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def of(data: Comparisons | Records) -> "Votes":
        """The comparisons one by one; of counts one vote for each outcome, its count as weight.

        Raters, prompts and ratings become clusters where they are known. Contexts are pooled.
        Without raters the comparisons of a prompt are a cluster, as they are of the same answers.
        """
        records = _records(data) if isinstance(data, Comparisons) else data
        clusters = {
            kind: _filled(np.asarray(key, dtype=np.int64))
            for kind, key, known in (
                ("rater", records.rater, len(records.raters) > 1),
                ("prompt", records.prompt, len(records.prompts) > 1),
                ("rating", records.cluster, len(np.unique(records.cluster)) < len(records)),
            )
            if known
        }
        return Votes(
            records.first.astype(np.int64),
            records.second.astype(np.int64),
            records.share,
            records.weight,
            records.names,
            clusters,
            {"rater": records.raters, "prompt": records.prompts},
        )

    def distinct(self) -> "Votes":
        """The votes without repetitions by a rater on a prompt, where one of them is known."""
        if not self.clusters.keys() & {"rater", "prompt"}:
            return self
        turned = self.first > self.second
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        share = np.where(turned, 1 - self.share, self.share)
        columns = [low, high, share, self.weight]
        columns += [self.clusters[k] for k in ("rater", "prompt") if k in self.clusters]
        _, kept = np.unique(np.stack(columns, axis=1), axis=0, return_index=True)
        mask = np.zeros(len(low), dtype=bool)
        mask[kept] = True
        return self.take(mask)

    @property
    def n(self) -> int:
        """Number of answers."""
        return len(self.names)

    @cached_property
    def cells(self) -> tuple[Ints, Float, Ints]:
        """Flat places in a table (n, n), what each adds there, and the vote it is of."""
        ahead, behind = self.first * self.n + self.second, self.second * self.n + self.first
        vote = np.arange(len(self.first))
        won, lost = self.weight * self.share, self.weight * (1 - self.share)
        return (
            np.concatenate([ahead, behind]),
            np.concatenate([won, lost]),
            np.concatenate([vote, vote]),
        )

    @cached_property
    def points(self) -> Float:
        """Wins plus half the ties, (n, n)."""
        place, value, _ = self.cells
        table = np.bincount(place, value, self.n**2).reshape(self.n, self.n)
        return np.asarray(table, dtype=np.float64)

    def comparisons(self) -> Comparisons:
        """The counts; a share other than 0, 1/2 and 1 is divided between both sides' wins."""
        tied = self.share == 0.5
        ties = replace(self, weight=self.weight * tied).points
        wins = replace(self, weight=self.weight * ~tied).points
        return Comparisons(wins, ties + ties.T, self.names)

    def take(self, mask: NDArray[np.bool_]) -> "Votes":
        """The votes that a mask (m,) marks."""
        return Votes(
            self.first[mask],
            self.second[mask],
            self.share[mask],
            self.weight[mask],
            self.names,
            {kind: key[mask] for kind, key in self.clusters.items()},
            self.cluster_names,
        )

    def cluster_name(self, kind: str, number: int) -> str:
        """The name of a cluster, or its number."""
        names = self.cluster_names.get(kind, ())
        return names[number] if number < len(names) else str(number)

    def joined(self, other: "Votes") -> "Votes":
        """The votes of two parts of one split."""
        return replace(self, weight=self.weight + other.weight)

    def split(self, parts: int, rng: np.random.Generator, by: str | None = None) -> list["Votes"]:
        """The votes divided at random, each cluster or single comparison into one of the parts."""
        if by is None:
            chances = np.full(parts, 1 / parts)
            counts = rng.multinomial(np.rint(self.weight).astype(np.int64), chances)
            return [replace(self, weight=counts[:, k].astype(np.float64)) for k in range(parts)]
        names, of = np.unique(self.clusters[by], return_inverse=True)
        part = rng.permutation(np.arange(len(names)) % parts)[of]
        return [replace(self, weight=self.weight * (part == k)) for k in range(parts)]

    def resampled(self, draws: int, rng: np.random.Generator, by: str | None = None) -> Float:
        """Points of bootstrap samples, (draws, n, n): clusters drawn with replacement.

        Parameters
        ----------
        draws : int >= 1
        rng : Generator
        by : str, optional
            The clusters that are drawn; else single comparisons, of which there are ``weight``.
        """
        place, value, vote = self.cells
        if by is None:
            total = int(np.rint(self.weight.sum()))
            counts = rng.multinomial(total, self.weight / self.weight.sum(), draws)
            unit, number = vote, len(self.weight)
            value = value / np.where(self.weight > 0, self.weight, 1)[vote]
        else:
            names, of = np.unique(self.clusters[by], return_inverse=True)
            counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
            unit, number = of[vote], len(names)
        parts = sparse.csr_array((value, (unit, place)), shape=(number, self.n**2))
        return np.asarray(counts @ parts).reshape(draws, self.n, self.n)


def _records(counts: Comparisons) -> Records:
    """Records of counts; the wins of each rater are its own."""
    if counts.raters is None:
        return from_counts(counts)
    n = counts.wins.shape[-1]
    tables = counts.raters.reshape(len(counts.raters), -1, n, n).sum(1)
    found = from_counts(Comparisons(tables, names=counts.names))
    unknown = np.full_like(found.prompt, -1)
    return replace(
        found, rater=found.prompt, raters=found.prompts, prompt=unknown, prompts=(), contexts=False
    )


def _filled(key: Ints) -> Ints:
    """The clusters, with one of its own for each vote whose cluster is not known (-1)."""
    return np.where(key < 0, key.max() + 1 + np.arange(len(key)), key)


def game_of(points: Float) -> PreferenceGame:
    """The game of observed win rates, 1/2 where nothing was compared; ``points`` (..., n, n)."""
    pairs = points + np.swapaxes(points, -1, -2)
    P = np.divide(points, pairs, out=np.full(points.shape, 0.5), where=pairs > 0)
    return PreferenceGame(P, pairs=np.where(pairs.sum((-1, -2), keepdims=True) > 0, pairs, 1.0))
