"""A plan: a spec with every choice written out, and what the command line changes in it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from benchmarks import plugins
from games import SpecError
from games.registry import near
from results.rows import canonical
from solvers import SOLVERS, taus

Kind = Literal["games", "solvers"]


@dataclass(frozen=True)
class Choice:
    """A plugin and its parameters, as plain data."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """An experiment, and the names of the games and solvers that it is about; None: of all."""

    experiment: Choice
    games: tuple[str, ...] | None = None
    solvers: tuple[str, ...] | None = None

    def asks(self, game: str, solver: str) -> bool:
        """Whether the pair belongs to the matrix."""
        return (self.games is None or game in self.games) and (
            self.solvers is None or solver in self.solvers
        )


@dataclass(frozen=True)
class Plan:
    """What a run computes; equal plans are the same run.

    Attributes
    ----------
    name : str
        The spec's.
    seeds : range
        Used by cells in which something draws; the others run once.
    timeout : float > 0
        Seconds a cell may take. Not part of the digest: a run may be resumed with another.
    games, solvers : tuple of Choice
    questions : tuple of Question
    """

    name: str
    seeds: range
    timeout: float
    games: tuple[Choice, ...]
    solvers: tuple[Choice, ...]
    questions: tuple[Question, ...]

    def data(self) -> dict[str, Any]:
        """The plan as plain data: what spec.json holds."""

        def entry(choice: Choice, **more: Any) -> dict[str, Any]:
            return {"name": choice.name, "params": dict(choice.params), **more}

        return {
            "name": self.name,
            "seeds": list(self.seeds),
            "timeout": self.timeout,
            "games": [entry(choice) for choice in self.games],
            "solvers": [entry(choice) for choice in self.solvers],
            "experiments": [
                entry(q.experiment, games=q.games, solvers=q.solvers) for q in self.questions
            ],
        }

    @property
    def run_name(self) -> str:
        """``<spec>-<8 hex>``: the hash is over everything that decides which cells there are."""
        identity = {key: value for key, value in self.data().items() if key != "timeout"}
        return f"{self.name}-{hashlib.sha256(canonical(identity).encode()).hexdigest()[:8]}"

    def only(self, kind: Kind, names: Sequence[str]) -> "Plan":
        """The plan with just these games or solvers; those that it lacks come with defaults."""
        kept = tuple(choice for choice in getattr(self, kind) if choice.name in names)
        there = {choice.name for choice in kept}
        new = [checked(kind, Choice(name)) for name in dict.fromkeys(names) if name not in there]
        changes: dict[str, Any] = {kind: kept}
        return replace(self, **changes)._with(kind, new)

    def with_data(self, name: str, digest: str) -> "Plan":
        """The plan with a user's game, under every experiment and solver.

        Parameters
        ----------
        name : str
            How tables call it.
        digest : str
            Of the game that the run directory stores.

        Raises
        ------
        SpecError
            If another game of the plan has that name.
        """
        if name in {choice.name for choice in self.games}:
            raise SpecError(f"the spec already has a game called {name!r}; rename the file")
        return self._with("games", [Choice(name, {"data": digest})])

    def with_params(self, params: Mapping[str, Any]) -> "Plan":
        """The plan with these parameters in every solver that has them.

        tau replaces every KL weight and kl; kl replaces every KL weight.

        Raises
        ------
        SpecError
            If no solver of the plan has the parameter.
        """
        known = {key for s in self.solvers for key in plugins.solver_parameters(s.name)}
        for key in params:
            if key not in known:
                raise SpecError(f"no solver of this run has a parameter {key!r}{near(key, known)}")
        return replace(self, solvers=distinct(_changed(choice, params) for choice in self.solvers))

    def _with(self, kind: Kind, new: Sequence[Choice]) -> "Plan":
        """More games or solvers, for every question."""
        questions = []
        for question in self.questions:
            limit = getattr(question, kind)
            wider: dict[str, Any] = {kind: limit and (*limit, *(choice.name for choice in new))}
            questions.append(replace(question, **wider))
        changes: dict[str, Any] = {kind: (*getattr(self, kind), *new)}
        return replace(self, questions=tuple(questions), **changes)


def checked(kind: str, choice: Choice) -> Choice:
    """The choice, with KL weights written out, after its plugin has been made once.

    Raises
    ------
    PrefgamesError
        If its name, or the name or value of a parameter, is wrong.
    """
    if kind == "solvers":
        choice = replace(choice, params=plugins.with_weights(choice.name, choice.params))
        plugins.solver(choice.name, choice.params)
    elif kind == "games":
        plugins.game(choice.name, choice.params, np.random.default_rng(0))
    else:
        plugins.experiment(choice.name, choice.params)
    return choice


def distinct(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """The choices without repetitions, in order."""
    return tuple({(c.name, canonical(c.params)): c for c in choices}.values())


def _changed(choice: Choice, params: Mapping[str, Any]) -> Choice:
    own = {k: v for k, v in params.items() if k in plugins.solver_parameters(choice.name)}
    dropped = {*taus(SOLVERS[choice.name]), "kl"} if own.keys() & {"tau", "kl"} else set()
    kept = {k: v for k, v in choice.params.items() if k not in dropped}
    return checked("solvers", Choice(choice.name, {**kept, **own}))
