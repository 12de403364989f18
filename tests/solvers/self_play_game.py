"""A generic game and state for self-play, and runs of some steps."""

import dataclasses

import numpy as np

from games import PreferenceGame
from solvers.iterative import IterativeSolver, State
from solvers.solver import Solution

# A generic state: P PI = (.61, .48, .46)
GAME = PreferenceGame([[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]], [0.5, 0.3, 0.2])
PI = np.array([0.2, 0.5, 0.3])
RATES = np.array([0.61, 0.48, 0.46])


def run(solver: IterativeSolver, game: PreferenceGame, steps: int, seed: int = 0) -> list[State]:
    rng = np.random.default_rng(seed)
    states = [solver.init(game, rng)]
    for _ in range(steps):
        states.append(solver.step(game, states[-1], rng))
    return states


def solved(solver: IterativeSolver, game: PreferenceGame, steps: int, seed: int = 0) -> Solution:
    solver = dataclasses.replace(solver, max_steps=steps)
    return solver.solve(game, np.random.default_rng(seed))
