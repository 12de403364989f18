"""A plan: a spec with every choice written out, and what the command line changes in it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks import calls, files, plugins
from benchmarks.kinds import KINDS, Scale
from benchmarks.plugins import METHODS, Methods
from games import SpecError
from games.registry import near
from results.comparisons import NO_PENALTY
from results.frames import UNWEIGHTED, comparison_of, parameter_text
from results.hypotheses import Hypothesis
from results.rows import canonical

CROSSED = ("game", *(methods.kind for methods in METHODS.values()))
"""The kinds that experiments cross: games, and the methods of every scale."""


@dataclass(frozen=True)
class Choice:
    """A plugin of a kind and its parameters, as plain data."""

    kind: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> Scale:
        """The scale of its kind."""
        return KINDS[self.kind].scale

    @property
    def methods(self) -> Methods:
        """The methods of its scale, and the experiments on them."""
        return METHODS[self.scale]


@dataclass(frozen=True)
class Question:
    """An experiment, and the games and methods that it is about.

    Attributes
    ----------
    experiment : Choice
    limits : mapping of a kind to names
        The games or methods that it is about; every one of a kind that is not a key.
    seeds : int, or None
        How many of the plan's seeds it has, from the first on; None for all.
    """

    experiment: Choice
    limits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: int | None = None

    def asks(self, game: Choice, method: Choice) -> bool:
        """Whether the experiment is run on this game with this method."""
        return method.scale == self.experiment.scale and all(
            choice.name in self.limits.get(choice.kind, (choice.name,)) for choice in (game, method)
        )


@dataclass(frozen=True)
class Plan:
    """What a run computes; equal plans are the same run.

    Attributes
    ----------
    name : str
        Of the spec.
    seeds : range
        Used by cells in which something draws; the others run once.
    timeout : float > 0
        Seconds a cell may take. Not part of the digest: a run may be resumed with another.
    choices : tuple of Choice
        Games and methods.
    questions : tuple of Question
    hypotheses : tuple of Hypothesis
        What was claimed before the run.
    """

    name: str
    seeds: range
    timeout: float
    choices: tuple[Choice, ...]
    questions: tuple[Question, ...]
    hypotheses: tuple[Hypothesis, ...] = ()

    def of(self, kind: str) -> list[Choice]:
        """The choices of one kind, in the order of the spec."""
        return [choice for choice in self.choices if choice.kind == kind]

    @property
    def methods(self) -> list[Choice]:
        """The solvers and learners, in the order of the spec."""
        return [choice for choice in self.choices if choice.kind != "game"]

    def data(self) -> dict[str, Any]:
        """The plan as plain data: what spec.json holds."""

        def entry(choice: Choice, **more: Any) -> dict[str, Any]:
            return {"name": choice.name, "params": dict(choice.params), **more}

        claims = [hypothesis.model_dump(exclude_none=True) for hypothesis in self.hypotheses]
        return {
            "name": self.name,
            "seeds": list(self.seeds),
            "timeout": self.timeout,
            **{KINDS[kind].plural: [entry(choice) for choice in self.of(kind)] for kind in CROSSED},
            "experiments": [
                entry(
                    q.experiment,
                    scale=q.experiment.scale,
                    **{KINDS[kind].plural: q.limits.get(kind) for kind in CROSSED},
                    seeds=q.seeds,
                )
                for q in self.questions
            ],
            **({"hypotheses": claims} if claims else {}),
        }

    @property
    def run_name(self) -> str:
        """``<spec>-<8 hex>``: the hash is over everything that decides which cells there are."""
        identity = {key: value for key, value in self.data().items() if key != "timeout"}
        return f"{self.name}-{hashlib.sha256(canonical(identity).encode()).hexdigest()[:8]}"

    def only(self, kind: str, texts: Sequence[str]) -> "Plan":
        """The plan with these games, solvers or learners alone; those that it lacks are added.

        Parameters
        ----------
        kind : str
        texts : sequence of str
            Each the name of a choice; a name with parameters, as tables print it, for the choices
            with these values; or the path of a file with a plugin. The name of a game that the
            plan has only inside other games, such as ``laddered(game=condorcet)``, is for those.
            Solvers from files alone have the plan's exact ones at the same strength beside them.

        Raises
        ------
        SpecError
            If a name is unknown, or no experiment is about such methods.
        """
        scale = KINDS[kind].scale
        if kind != "game" and all(q.experiment.scale != scale for q in self.questions):
            raise SpecError(
                f'{self.name}: no experiment has scale = "{scale}" for {KINDS[kind].plural}'
            )
        chosen: list[Choice] = []
        new: list[Choice] = []
        for text in dict.fromkeys(texts):
            matching = [c for c in self.of(kind) if c.name == text]
            if not matching:
                wanted = named(kind, text)
                matching = [c for c in self.of(kind) if _agrees(c, wanted)]
                matching = matching or [c for c in self.of(kind) if _is_around(c, wanted)]
                new += [] if matching else [checked(wanted)]
            chosen += matching
        if kind == "solver":
            chosen += self._exact_beside([*chosen, *new])
        rest = tuple(c for c in self.choices if c.kind != kind or c in chosen)
        return replace(self, choices=rest)._with(kind, new)

    def with_data(self, name: str, digest: str) -> "Plan":
        """The plan with a user's game, under every experiment and method.

        Parameters
        ----------
        name : str
            What tables call it.
        digest : str
            Digest of the game that the run directory stores.

        Raises
        ------
        SpecError
            If another game of the plan has that name.
        """
        if name in {choice.name for choice in self.of("game")}:
            raise SpecError(f"the spec already has a game called {name!r}; rename the file")
        return self._with("game", [Choice("game", name, {"data": digest})])

    def with_params(self, params: Mapping[str, Any]) -> "Plan":
        """The plan with these parameters in every solver, learner and llm experiment that has them.

        tau replaces every KL weight and kl; kl replaces every KL weight.

        Raises
        ------
        SpecError
            If nothing in the plan has the parameter.
        """
        accepted = {key for c in self.methods for key in c.methods.parameter_names(c.name)}
        accepted |= {key for q in self.questions for key in _settable(q.experiment)}
        for key in params:
            if key not in accepted:
                kinds = " or ".join(dict.fromkeys(choice.kind for choice in self.methods))
                hint = near(key, accepted)
                raise SpecError(f"no {kinds} of this run has a parameter {key!r}{hint}")
        games = self.of("game")
        methods = distinct(_method_with(method, params) for method in self.methods)
        questions = tuple(
            replace(q, experiment=_experiment_with(q.experiment, params)) for q in self.questions
        )
        return replace(self, choices=(*games, *methods), questions=questions)

    def with_game_params(self, params: Mapping[str, Any]) -> "Plan":
        """The plan with these parameters in every game of the catalogue that has them.

        Raises
        ------
        SpecError
            If no game of the plan has the parameter.
        """
        accepted = {
            key
            for game in self.of("game")
            for key in plugins.game_parameters(game.name, game.params)
        }
        for key in params:
            if key not in accepted:
                raise SpecError(f"no game of this run has a parameter {key!r}{near(key, accepted)}")
        changed = distinct(_game_with(game, params) for game in self.of("game"))
        return replace(self, choices=(*changed, *self.methods))

    def with_model(self, model: str) -> "Plan":
        """The plan with this language model in every experiment of scale "llm".

        Raises
        ------
        SpecError
            If there is none.
        """
        if all(question.experiment.scale != "llm" for question in self.questions):
            raise SpecError(f'{self.name}: no experiment has scale = "llm", so no model is used')
        return self.with_params({"model": model})

    def _exact_beside(self, solvers: Sequence[Choice]) -> list[Choice]:
        """The exact solvers with the KL weights of solvers from files, if those are alone."""
        files_alone = all(files.SOURCE in choice.params for choice in solvers)
        strengths = {comparison_of(canonical(choice.params)) for choice in solvers}
        if UNWEIGHTED in strengths:
            strengths.add(NO_PENALTY)
        return [
            choice
            for choice in self.of("solver")
            if files_alone
            and choice.name.endswith(plugins.EXACT)
            and comparison_of(canonical(choice.params)) in strengths
        ]

    def _with(self, kind: str, new: Sequence[Choice]) -> "Plan":
        """The plan with more games, solvers or learners, under every question."""
        names = tuple(choice.name for choice in new)
        questions = [
            replace(q, limits={k: (*v, *names) if k == kind else v for k, v in q.limits.items()})
            for q in self.questions
        ]
        ordered = [c for k in CROSSED for c in (*self.choices, *new) if c.kind == k]
        return replace(self, choices=tuple(ordered), questions=tuple(questions))


def named(kind: str, text: str) -> Choice:
    """The choice of that name, with the parameters in it, or of the plugin in that file.

    Raises
    ------
    SpecError
        If the text cannot be read, or the file is of no use.
    """
    name, params = calls.parse(text)
    if kind == "game":
        return Choice(kind, files.registered(kind, name), params)
    return Choice(kind, METHODS[KINDS[kind].scale].named(name), params)


def _agrees(choice: Choice, wanted: Choice) -> bool:
    """Whether a choice has the name and, where given, the parameters; compared as printed."""
    return choice.name == wanted.name and all(
        key in choice.params and parameter_text(choice.params[key]) == parameter_text(value)
        for key, value in wanted.params.items()
    )


def _is_around(choice: Choice, wanted: Choice) -> bool:
    """Whether a parameter of the choice is the wanted game."""
    inner = parameter_text({"name": wanted.name, **wanted.params})
    return choice.kind == "game" and any(
        inner in (value, parameter_text(value)) for value in choice.params.values()
    )


def checked(choice: Choice) -> Choice:
    """The choice, with KL weights written out, after its plugin has been made once.

    The parameters of a plugin from a file name its source (see ``files.with_source``).

    Raises
    ------
    PrefgamesError
        If its name, or the name or value of a parameter, is wrong.
    """
    if choice.kind == "game":
        plugins.game(choice.name, choice.params, np.random.default_rng(0))
        params = files.with_source(choice.kind, choice.name, choice.params)
        return replace(choice, params=params)
    if choice.kind in CROSSED:
        params = choice.methods.with_weights(choice.name, choice.params)
        choice.methods.make(choice.name, params)
        return replace(choice, params=params)
    choice.methods.experiment(choice.name, choice.params)
    return choice


def distinct(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """The choices without repetitions, in order."""
    return tuple({(c.kind, c.name, canonical(c.params)): c for c in choices}.values())


def _settable(experiment: Choice) -> Iterable[str]:
    return experiment.methods.settable(experiment.name)


def _experiment_with(experiment: Choice, params: Mapping[str, Any]) -> Choice:
    changes = {key: params[key] for key in _settable(experiment) if key in params}
    return checked(replace(experiment, params={**experiment.params, **changes}))


def _game_with(game: Choice, params: Mapping[str, Any]) -> Choice:
    names = plugins.game_parameters(game.name, game.params)
    changes = {key: value for key, value in params.items() if key in names}
    return checked(replace(game, params={**game.params, **changes})) if changes else game


def _method_with(method: Choice, params: Mapping[str, Any]) -> Choice:
    names = method.methods.parameter_names(method.name)
    changes = {key: value for key, value in params.items() if key in names}
    weights = method.methods.weights(method.name)
    dropped = {*weights, "kl"} if changes.keys() & {"tau", "kl"} else set()
    rest = {key: value for key, value in method.params.items() if key not in dropped}
    return checked(replace(method, params={**rest, **changes}))
