"""The games that solvers are checked on, and ways to run a solver on them."""

import dataclasses
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from games.game import Float, Population, PreferenceGame
from solvers.iterative import IterativeSolver, State
from solvers.sampling import NO_DRAWS
from solvers.solver import Solution, Solver

STEPS = 20
MOST_STEPS = 4_000


# Games


def random_game(seed: int, *batch: int, n: int = 4) -> PreferenceGame:
    """A game with random preferences, references of both players, pair weights and user types."""
    rng = np.random.default_rng(seed)
    low = np.tril(rng.uniform(0.05, 0.95, (*batch, n, n)), -1)
    P = low + np.triu(1 - np.swapaxes(low, -1, -2), 1) + np.eye(n) / 2
    ref, rows = rng.uniform(0.2, 1, (*batch, n)), rng.uniform(0.2, 1, (*batch, n, n))
    pairs = rng.uniform(0.2, 1, (*batch, n, n))
    shares = np.broadcast_to([0.2, 0.5, 0.3], (*batch, 3))
    return PreferenceGame(
        P,
        ref / ref.sum(-1, keepdims=True),
        rows / rows.sum(-1, keepdims=True),
        pairs + np.swapaxes(pairs, -1, -2),
        population=Population(shares, rng.uniform(size=(*batch, 3, n))),
    )


@lru_cache(maxsize=1)
def far_games() -> PreferenceGame:
    """Three games far from their references: a steep cycle, a clear winner, both mixed."""
    P = [
        [[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]],
        [[0.5, 0.3, 0.6], [0.7, 0.5, 0.8], [0.4, 0.2, 0.5]],
        [[0.5, 0.55, 0.35], [0.45, 0.5, 0.75], [0.65, 0.25, 0.5]],
    ]
    ref = [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.15, 0.7, 0.15]]
    pairs = [[0, 1, 2], [1, 0, 3], [2, 3, 0]]
    people = Population([[0.7, 0.3]] * 3, [[[0, 1, 0.5], [0.5, 0, 1]]] * 3)
    return PreferenceGame(P, ref, pairs=pairs, population=people)


def edge_games() -> Iterator[tuple[str, PreferenceGame]]:
    """Games at the edge of what is allowed, each with a description."""
    cycle = [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]
    order = [[0.5, 1, 1], [0, 0.5, 1], [0, 0, 0.5]]
    even = np.full((3, 3), 0.5)
    yield "a cycle of certain preferences", PreferenceGame(cycle, [0.5, 0.3, 0.2])
    yield "a certain order", PreferenceGame(order, [0.2, 0.3, 0.5])
    yield "a reference of 1e-12", PreferenceGame(far_games().P[0], [1 - 2e-12, 1e-12, 1e-12])
    yield "one answer", PreferenceGame([[0.5]])
    yield "two answers", PreferenceGame([[0.5, 0.7], [0.3, 0.5]], [0.9, 0.1])
    yield "ties everywhere", PreferenceGame(even, [0.5, 0.3, 0.2])


def permuted(game: PreferenceGame, order: Float) -> PreferenceGame:
    """The game with its answers in another order."""

    def both(table: Float | None) -> Float | None:
        return None if table is None else table[..., order, :][..., order]

    people = game.population
    return PreferenceGame(
        game.P[..., order, :][..., order],
        game.ref[..., order],
        both(game.ref_follower),
        both(game.pairs),
        population=people and Population(people.shares, people.utilities[..., order]),
    )


# Runs


def generator(solver: Solver, seed: int = 0) -> np.random.Generator:
    """A generator for a solver that draws; NO_DRAWS for the others."""
    return np.random.default_rng(seed) if solver.draws else NO_DRAWS


def states(
    solver: IterativeSolver, game: PreferenceGame, steps: int, seed: int = 0
) -> Iterator[State]:
    """The state at the start and after each step."""
    rng = generator(solver, seed)
    state = solver.init(game, rng)
    yield state
    for _ in range(steps):
        state = solver.step(game, state, rng)
        yield state


def after_steps(
    solver: Solver, game: PreferenceGame, steps: int = STEPS, seed: int = 0
) -> tuple[Float, Float | None]:
    """Policy and follower after that many steps, or those of the solution if there are none."""
    if isinstance(solver, IterativeSolver):
        *_, state = states(solver, game, steps, seed)
        return solver.policy(state), solver.follower(state)
    solution = solver.solve(game, generator(solver, seed))
    return solution.policy, solution.follower


def solved(
    solver: Solver, game: PreferenceGame, most_steps: int = MOST_STEPS, **changes: Any
) -> Solution:
    """The solution after ``most_steps`` at most, with some fields of the solver changed."""
    if isinstance(solver, IterativeSolver):
        steps = min(most_steps, solver.max_steps)
        solver = dataclasses.replace(solver, max_steps=steps, **changes)
    return solver.solve(game, generator(solver))


def leaves(state: Any) -> Iterator[Any]:
    """The arrays and numbers of a state, in order."""
    if isinstance(state, dict):
        state = tuple(state.values())
    elif dataclasses.is_dataclass(state):
        state = tuple(vars(state).values())
    if isinstance(state, tuple | list):
        for part in state:
            yield from leaves(part)
    else:
        yield state


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal, with NaN equal to NaN."""
    ours, theirs = list(leaves(a)), list(leaves(b))
    if len(ours) != len(theirs):
        return False
    pairs = zip(ours, theirs, strict=True)
    return all(x is y or np.array_equal(x, y, equal_nan=floating(x)) for x, y in pairs)


def floating(value: Any) -> bool:
    """Whether it is an array or a number of a float type."""
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"
