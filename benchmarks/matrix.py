"""Cells: the points of the matrix, their keys, and where their random numbers come from."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks import plugins
from benchmarks.kinds import Scale
from benchmarks.plan import Plan
from games import SpecError
from results.rows import canonical


@dataclass(frozen=True)
class Cell:
    """One point of the matrix: an experiment on one game with one method, plain data.

    Attributes
    ----------
    experiment, game, solver : str
        Registry names; ``game`` is the file's stem for a user's data, ``solver`` the learner where
        ``scale`` is "llm".
    experiment_params, game_params, params : canonical JSON
        Parameters of the experiment, the game and the method.
    scale : "tabular" or "llm"
    seed : int, or None if nothing in the cell draws
    """

    experiment: str
    experiment_params: str
    scale: Scale
    game: str
    game_params: str
    solver: str
    params: str
    seed: int | None

    @property
    def key(self) -> str:
        """16 hex of the SHA-256 of its canonical JSON: the same in every run."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()[:16]

    def rng_for(self, role: str, *key: Any) -> np.random.Generator:
        """The generator of a role: a new one at each call, equal for equal arguments.

        "solver" belongs to this cell; every other role ("data") to the game and the seed, so that
        methods are compared on the same draws.

        Raises
        ------
        RuntimeError
            If nothing in the cell was said to draw, for any role but "solver": its numbers would
            pass for exact ones.
        """
        if role == "solver":
            return generator(self.seed, role, self.key, *key)
        if self.seed is None:
            raise RuntimeError(f"{self.experiment} draws {role!r} but its `draws` is False")
        return generator(self.seed, role, self.game, self.game_params, *key)


def generator(seed: int | None, role: str, *key: Any) -> np.random.Generator:
    """The generator of a role and a key; the only source of random numbers of a run."""
    text = canonical({"seed": seed, "role": role, "key": key})
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


def game_generator(game: str, game_params: str, seed: int | None) -> np.random.Generator:
    """The generator that a game is drawn from."""
    return generator(seed, "game", game, game_params)


def cells(plan: Plan) -> list[Cell]:
    """The matrix, in the order of its tables: games, seeds, experiments, methods.

    A cell has a seed only if its game, its method or its experiment draws; training always does.

    Raises
    ------
    SpecError
        If no experiment asks for any of the games and methods.
    """
    matrix = list(dict.fromkeys(_expand(plan)))
    if not matrix:
        raise SpecError(
            f"{plan.name}: nothing to run; no experiment asks for these games and methods"
        )
    return matrix


def _expand(plan: Plan) -> Iterator[Cell]:
    methods = [(m, canonical(m.params), m.methods.draws(m.name, m.params)) for m in plan.methods]
    questions = [
        (q, e.name, canonical(e.params), e.methods.experiment_draws(e.name, e.params))
        for q in plan.questions
        for e in [q.experiment]
    ]
    for game in plan.of("game"):
        game_params = canonical(game.params)
        game_draws = plugins.game_draws(game.name, game.params)
        for seed in (None, *plan.seeds):
            for question, name, experiment_params, question_draws in questions:
                if seed not in (None, *plan.seeds[: question.seeds]):
                    continue
                for method, params, method_draws in methods:
                    draws = game_draws or question_draws or method_draws
                    if draws == (seed is not None) and question.asks(game, method):
                        asking = name, experiment_params, method.scale
                        yield Cell(*asking, game.name, game_params, method.name, params, seed)
