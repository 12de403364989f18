"""The preference game: which answer is preferred to which, and the reference policies."""

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from games import numerics
from games.errors import GameError
from games.known import Known as Known
from games.population import Population as Population
from games.validation import DENSE_LIMIT as DENSE_LIMIT
from games.validation import TIE_TOL as TIE_TOL
from games.validation import Float as Float
from games.validation import distinct_names, distribution, pair_weights, preference_table


@dataclass(frozen=True, init=False, eq=False, repr=False)
class PreferenceGame:
    """Answers, the probability that each is preferred to each, and the reference policies.

    ``P[i, j]`` is the probability that i is preferred to j: rows win, columns lose. Leading axes
    are contexts (prompts, or instances of a random family), solved all at once. Arrays are copied
    to float64 and read-only.

    Attributes
    ----------
    P : float array (..., n, n) in [0, 1]
        P + P^T = 1 within 1e-9 (8 eps of the type for float32 and float16), then made exact.
    ref : float array (..., n), > 0, sums to 1; uniform if left out
        Reference policy (of the leader).
    ref_follower : float array (..., n, n), > 0, rows sum to 1; ``ref`` in every row if left out
        Reference of the follower given the leader's answer (the row).
    pairs : float array (..., n, n), symmetric, >= 0; uniform if left out
        How often each pair was compared; only ratios matter; the diagonal is ignored.
    names : n distinct, non-blank strings; "0", "1", ... if left out
        One list for all contexts.
    population : Population, optional
        User types, where the game has them.
    known : tuple of Known
        Published answers.

    Raises
    ------
    GameError
        If a shape, a range or a sum is wrong; the message names the entry.
    """

    P: Float
    ref: Float
    ref_follower: Float | None
    pairs: Float | None
    names: tuple[str, ...]
    population: Population | None
    known: tuple[Known, ...]

    def __init__(
        self,
        P: ArrayLike,
        ref: ArrayLike | None = None,
        ref_follower: ArrayLike | None = None,
        pairs: ArrayLike | None = None,
        names: Sequence[str] = (),
        population: Population | None = None,
        known: Sequence[Known] = (),
    ) -> None:
        table = preference_table(P)
        table.setflags(write=False)
        object.__setattr__(self, "P", table)
        batch, n = table.shape[:-2], table.shape[-1]
        self._finish(batch, n, ref, ref_follower, pairs, names, population, known)

    def _finish(
        self,
        batch: tuple[int, ...],
        n: int,
        ref: ArrayLike | None,
        ref_follower: ArrayLike | None,
        pairs: ArrayLike | None,
        names: Sequence[str],
        population: Population | None,
        known: Sequence[Known],
    ) -> None:
        """Check and store everything but P."""
        if population is not None:
            got = population.utilities.shape
            if (*got[:-2], got[-1]) != (*batch, n):
                raise GameError(
                    f"PreferenceGame: population utilities have shape {got}, expected one column "
                    f"for each of {n} answers and contexts {batch}"
                )
        fields = {
            "ref": distribution("ref", 1 / n if ref is None else ref, (*batch, n)),
            "ref_follower": None
            if ref_follower is None
            else distribution("ref_follower", ref_follower, (*batch, n, n)),
            "pairs": None if pairs is None else pair_weights(pairs, (*batch, n, n)),
            "names": distinct_names(tuple(names) or tuple(map(str, range(n))), n),
            "population": population,
            "known": tuple(known),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def n(self) -> int:
        """Number of answers."""
        return int(self.ref.shape[-1])

    @property
    def batch(self) -> tuple[int, ...]:
        """Shape of the contexts; () for a single game."""
        return tuple(self.ref.shape[:-1])

    @property
    def log_ref(self) -> Float:
        """Log of ``ref``, shape (..., n)."""
        return np.log(self.ref)

    @property
    def pair_weights(self) -> Float:
        """``pairs``, or uniform weights if left out; shape (..., n, n), zero diagonal."""
        if self.pairs is not None:
            return self.pairs
        uniform = 1 - np.eye(self.n, dtype=self.ref.dtype)
        return np.broadcast_to(uniform, (*self.batch, self.n, self.n))

    def rows(self, i: Any) -> Float:
        """Rows ``i`` of P (an index, a slice or an index array); shape (..., i, n)."""
        return np.asarray(self.P[..., i, :])

    def log_ref_follower(self, i: Any) -> Float:
        """Log of the follower's reference given the answers ``i``; broadcasts against rows(i)."""
        if self.ref_follower is None:
            log_ref = self.log_ref
            return log_ref if isinstance(i, int | np.integer) else log_ref[..., None, :]
        return np.log(self.ref_follower[..., i, :])

    def win_rates(self, policy: ArrayLike) -> Float:
        """(P pi)_i: probability that answer i is preferred to a draw from ``policy``."""
        return np.asarray(numerics.win_rates(self.P, np.asarray(policy)))

    def astype(self, dtype: DTypeLike) -> "PreferenceGame":
        """The game with arrays rounded to another float type, for solvers in single precision.

        No game can be made from it (by ``at``, ``stack`` or ``replace``): its sums are too coarse.
        """
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                rounded = value.astype(dtype)
                rounded.setflags(write=False)
                object.__setattr__(other, name, rounded)
        return other

    def at(self, index: Any) -> "PreferenceGame":
        """The contexts that ``index`` selects, as a game; ``known`` answers are dropped."""
        people = self.population
        return PreferenceGame(
            self.P[index],
            self.ref[index],
            None if self.ref_follower is None else self.ref_follower[index],
            None if self.pairs is None else self.pairs[index],
            self.names,
            None if people is None else Population(people.shares[index], people.utilities[index]),
        )

    @staticmethod
    def stack(games: Sequence["PreferenceGame"]) -> "PreferenceGame":
        """Games over equally many answers as the contexts of one game.

        Names are kept if all agree; the population is kept if all have one of the same shape.

        Raises
        ------
        GameError
            If the list is empty or the games differ in shape.
        """
        if not games:
            raise GameError("stack: no games; give at least one")
        shapes = {(g.batch, g.n) for g in games}
        if len(shapes) != 1:
            raise GameError(f"stack: games differ in contexts and answers: {sorted(shapes)}")
        first = games[0]

        def joined(values: list[Any], fill: list[Any]) -> Any:
            if all(v is None for v in values):
                return None
            return np.stack([f if v is None else v for v, f in zip(values, fill, strict=True)])

        rows = [np.repeat(g.ref[..., None, :], g.n, axis=-2) for g in games]
        people = [g.population for g in games if g.population is not None]
        population = None
        if len(people) == len(games) and len({p.utilities.shape for p in people}) == 1:
            population = Population(
                np.stack([p.shares for p in people]), np.stack([p.utilities for p in people])
            )
        return PreferenceGame(
            np.stack([g.P for g in games]),
            np.stack([g.ref for g in games]),
            joined([g.ref_follower for g in games], rows),
            joined([g.pairs for g in games], [g.pair_weights for g in games]),
            first.names if all(g.names == first.names for g in games) else (),
            population,
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything a solver can see; equal games have equal digests."""
        h = hashlib.sha256(repr(self.names).encode())
        for name, value in self.arrays().items():
            h.update(f"{name}{value.shape}".encode())
            h.update((value + 0.0).tobytes())  # -0 is 0
        return h.hexdigest()

    def arrays(self) -> dict[str, Float]:
        """All numeric contents of the game by name: what is stored and hashed."""
        people = self.population
        parts = {
            **self._table(),
            "ref": self.ref,
            "ref_follower": self.ref_follower,
            "pairs": self.pairs,
            "shares": None if people is None else people.shares,
            "utilities": None if people is None else people.utilities,
        }
        return {name: value for name, value in parts.items() if value is not None}

    def _table(self) -> dict[str, Float]:
        return {"P": self.P}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PreferenceGame) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        contexts = f", contexts={self.batch}" if self.batch else ""
        return f"{type(self).__name__}(n={self.n}{contexts})"
