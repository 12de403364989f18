"""A plan: a spec with every choice written out, and what the command line changes in it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from benchmarks import plugins
from benchmarks.plugins import METHODS, Scale
from games import SpecError
from games.registry import near
from results.rows import canonical

Kind = Literal["games", "solvers", "learners"]


@dataclass(frozen=True)
class Choice:
    """A plugin and its parameters, as plain data."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """An experiment, and the names of the games and methods that it is about; None: of all.

    Its methods are solvers, or learners where its scale is "llm". With ``seeds`` it has only the
    first so many seeds of the plan.
    """

    experiment: Choice
    games: tuple[str, ...] | None = None
    solvers: tuple[str, ...] | None = None
    learners: tuple[str, ...] | None = None
    scale: Scale = "tabular"
    seeds: int | None = None

    def asks(self, game: str, method: str) -> bool:
        """Whether the pair belongs to the matrix."""
        methods = getattr(self, METHODS[self.scale])
        return (self.games is None or game in self.games) and (methods is None or method in methods)


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
    learners : tuple of Choice
    """

    name: str
    seeds: range
    timeout: float
    games: tuple[Choice, ...]
    solvers: tuple[Choice, ...]
    questions: tuple[Question, ...]
    learners: tuple[Choice, ...] = ()

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
            "learners": [entry(choice) for choice in self.learners],
            "experiments": [
                entry(
                    q.experiment,
                    scale=q.scale,
                    games=q.games,
                    solvers=q.solvers,
                    learners=q.learners,
                    seeds=q.seeds,
                )
                for q in self.questions
            ],
        }

    @property
    def run_name(self) -> str:
        """``<spec>-<8 hex>``: the hash is over everything that decides which cells there are."""
        identity = {key: value for key, value in self.data().items() if key != "timeout"}
        return f"{self.name}-{hashlib.sha256(canonical(identity).encode()).hexdigest()[:8]}"

    def methods(self, scale: Scale) -> tuple[Choice, ...]:
        """The solvers, or the learners."""
        found: tuple[Choice, ...] = getattr(self, METHODS[scale])
        return found

    def only(self, kind: Kind, names: Sequence[str]) -> "Plan":
        """The plan with just these games, solvers or learners; what it lacks comes with defaults.

        Raises
        ------
        SpecError
            If a name is unknown, or no experiment is about such methods.
        """
        for scale, methods in METHODS.items():
            if methods == kind and scale not in {question.scale for question in self.questions}:
                raise SpecError(f'{self.name}: no experiment has scale = "{scale}" for {kind}')
        kept = tuple(choice for choice in getattr(self, kind) if choice.name in names)
        there = {choice.name for choice in kept}
        new = [checked(kind, Choice(name)) for name in dict.fromkeys(names) if name not in there]
        changes: dict[str, Any] = {kind: kept}
        return replace(self, **changes)._with(kind, new)

    def with_data(self, name: str, digest: str) -> "Plan":
        """The plan with a user's game, under every experiment and method.

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
        """The plan with these parameters in every solver, learner and llm experiment that has them.

        tau replaces every KL weight and kl; kl replaces every KL weight.

        Raises
        ------
        SpecError
            If none of the plan has the parameter.
        """
        asked = [q for q in self.questions if q.scale == "llm"]
        known = {
            key
            for scale in METHODS
            for choice in self.methods(scale)
            for key in plugins.parameter_names(choice.name, scale)
        }
        known |= {key for q in asked for key in plugins.experiment_parameters(q.experiment.name)}
        for key in params:
            if key not in known:
                there = " or ".join(kind[:-1] for kind in METHODS.values() if getattr(self, kind))
                raise SpecError(f"no {there} of this run has a parameter {key!r}{near(key, known)}")
        changes: dict[str, Any] = {
            kind: distinct(_changed(choice, params, scale) for choice in self.methods(scale))
            for scale, kind in METHODS.items()
        }
        questions = [_asked_with(q, params) if q in asked else q for q in self.questions]
        return replace(self, **changes, questions=tuple(questions))

    def with_model(self, model: str) -> "Plan":
        """The plan with this language model in every experiment of scale "llm".

        Raises
        ------
        SpecError
            If there is none.
        """
        if all(question.scale != "llm" for question in self.questions):
            raise SpecError(f'{self.name}: no experiment has scale = "llm", so no model is used')
        return self.with_params({"model": model})

    def _with(self, kind: Kind, new: Sequence[Choice]) -> "Plan":
        """More games, solvers or learners, for every question."""
        questions = []
        for question in self.questions:
            limit = getattr(question, kind)
            wider: dict[str, Any] = {kind: limit and (*limit, *(choice.name for choice in new))}
            questions.append(replace(question, **wider))
        changes: dict[str, Any] = {kind: (*getattr(self, kind), *new)}
        return replace(self, questions=tuple(questions), **changes)


def checked(
    kind: Kind | Literal["experiments"], choice: Choice, scale: Scale = "tabular"
) -> Choice:
    """The choice, with KL weights written out, after its plugin has been made once.

    ``scale`` is an experiment's; solvers and learners have their own.

    Raises
    ------
    PrefgamesError
        If its name, or the name or value of a parameter, is wrong.
    """
    if kind == "games":
        plugins.game(choice.name, choice.params, np.random.default_rng(0))
    elif kind == "experiments":
        plugins.experiment(choice.name, choice.params, scale)
    else:
        scale = next(scale for scale, methods in METHODS.items() if methods == kind)
        choice = replace(choice, params=plugins.with_weights(choice.name, choice.params, scale))
        plugins.method(choice.name, choice.params, scale)
    return choice


def distinct(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """The choices without repetitions, in order."""
    return tuple({(c.name, canonical(c.params)): c for c in choices}.values())


def _asked_with(question: Question, params: Mapping[str, Any]) -> Question:
    own = question.experiment
    there = plugins.experiment_parameters(own.name)
    more = {key: value for key, value in params.items() if key in there}
    changed = checked("experiments", Choice(own.name, {**own.params, **more}), "llm")
    return replace(question, experiment=changed)


def _changed(choice: Choice, params: Mapping[str, Any], scale: Scale) -> Choice:
    own = {k: v for k, v in params.items() if k in plugins.parameter_names(choice.name, scale)}
    weights = plugins.weights(choice.name, scale)
    dropped = {*weights, "kl"} if own.keys() & {"tau", "kl"} else set()
    kept = {k: v for k, v in choice.params.items() if k not in dropped}
    return checked(METHODS[scale], Choice(choice.name, {**kept, **own}))
