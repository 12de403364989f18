"""Games for property tests: generic, tied and 0/1 tables, with and without their references."""

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import reject, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from games import PreferenceGame, SolverError
from games.game import Float
from solvers import SOLVERS, Solver, taus

LAW = settings(max_examples=40, deadline=None, derandomize=True, database=None)
"""Of every property test; the same examples on every machine."""

SHORT = settings(LAW, max_examples=10)

TAUS = st.sampled_from([0.0, 0.02, 0.1, 1.0, 7.0])

INTERIOR = st.floats(0.02, 0.98)
ANY = st.one_of(
    INTERIOR,
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(0, 10).map(lambda tenths: tenths / 10),
    st.sampled_from([1e-20, 1e-6, 0.5 + 1e-6, 0.5 - 1e-3]),
)
"""Probabilities with exact ties, certainties, and both nearly so."""


def table(lower: Float) -> Float:
    """P from its strict lower triangle; the rest of ``lower`` is ignored."""
    low = np.tril(lower, -1)
    P = low + np.triu(1 - np.swapaxes(low, -1, -2), 1)
    return np.asarray(P + np.eye(P.shape[-1]) / 2)


def tournament(n: int, rng: np.random.Generator) -> Float:
    """A random 0/1 table."""
    return table(rng.integers(0, 2, (n, n)).astype(float))


def weights(*shape: int) -> st.SearchStrategy[Float]:
    """Distributions along the last axis; now and then an entry is tiny."""
    entries = st.one_of(st.floats(0.05, 1), st.sampled_from([1e-4, 1.0, 1.0, 2.0]))
    positive = arrays(np.float64, shape, elements=entries)
    return positive.map(lambda w: w / w.sum(-1, keepdims=True))


@st.composite
def games(
    draw: st.DrawFn,
    entries: st.SearchStrategy[float] = ANY,
    min_n: int = 1,
    max_n: int = 5,
    batch: tuple[int, ...] = (),
) -> PreferenceGame:
    """Games with a generic reference; with or without follower references and pairs."""
    n = draw(st.integers(min_n, max_n))
    P = table(draw(arrays(np.float64, (*batch, n, n), elements=entries)))
    follower = draw(weights(*batch, n, n)) if draw(st.booleans()) else None
    pairs = None
    if n > 1 and draw(st.booleans()):
        w = draw(arrays(np.float64, (*batch, n, n), elements=st.floats(0.1, 3)))
        pairs = w + np.swapaxes(w, -1, -2)
    return PreferenceGame(P, draw(weights(*batch, n)), follower, pairs)


def solver(name: str, tau: float, **params: Any) -> Solver:
    """A registered solver with every tau at ``tau``; iterative ones take 50 steps, settled or not.

    A solver that does not take this tau rejects the example.
    """
    cls = SOLVERS[name]
    steps = {"max_steps": 50, "tol": 0.0} if "max_steps" in {f.name for f in fields(cls)} else {}  # type: ignore[arg-type]
    try:
        return cls(**{key: tau for key in taus(cls)}, **steps, **params)
    except SolverError:
        reject()


def permuted(game: PreferenceGame, order: Any) -> PreferenceGame:
    """The game with answer order[k] in place k."""
    follower, pairs = game.ref_follower, game.pairs
    return PreferenceGame(
        game.P[..., order, :][..., order],
        game.ref[..., order],
        None if follower is None else follower[..., order, :][..., order],
        None if pairs is None else pairs[..., order, :][..., order],
    )


def cloned(game: PreferenceGame, at: int, copies: int) -> PreferenceGame:
    """The game with ``copies`` of one answer in its place; references are divided among them."""
    original = np.repeat(np.arange(game.n), np.where(np.arange(game.n) == at, copies, 1))
    share = np.where(original == at, 1 / copies, 1.0)
    follower = game.ref_follower
    return PreferenceGame(
        game.P[..., original, :][..., original],
        game.ref[..., original] * share,
        None if follower is None else follower[..., original, :][..., original] * share,
    )


def merged(policy: Float, at: int, copies: int) -> Float:
    """The last axis of a policy on a cloned game, with the clones added up again."""
    family = policy[..., at : at + copies].sum(-1, keepdims=True)
    parts = [policy[..., :at], family, policy[..., at + copies :]]
    return np.concatenate(parts, axis=-1)
