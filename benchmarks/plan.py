"""A plan: a spec with every choice written out, and what the command line changes in it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import files
from benchmarks.choices import CROSSED, Choice, distinct, named
from benchmarks.kinds import KINDS
from benchmarks.methods import EXACT
from games import SpecError
from games.registry import near
from results.comparisons import NO_PENALTY
from results.frames import UNWEIGHTED, comparison_of
from results.hypotheses import Hypothesis
from results.rows import canonical


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
                matching = [c for c in self.of(kind) if c.agrees(wanted)]
                matching = matching or [c for c in self.of(kind) if c.is_around(wanted)]
                new += [] if matching else [wanted.checked()]
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
        changed = (*self.methods, *(question.experiment for question in self.questions))
        accepted = {key for choice in changed for key in choice.settable}
        for key in params:
            if key not in accepted:
                kinds = " or ".join(dict.fromkeys(choice.kind for choice in self.methods))
                hint = near(key, accepted)
                raise SpecError(f"no {kinds} of this run has a parameter {key!r}{hint}")
        methods = distinct(method.with_params(params) for method in self.methods)
        questions = tuple(
            replace(q, experiment=q.experiment.with_params(params)) for q in self.questions
        )
        return replace(self, choices=(*self.of("game"), *methods), questions=questions)

    def with_game_params(self, params: Mapping[str, Any]) -> "Plan":
        """The plan with these parameters in every game of the catalogue that has them.

        Raises
        ------
        SpecError
            If no game of the plan has the parameter.
        """
        accepted = {key for game in self.of("game") for key in game.settable}
        for key in params:
            if key not in accepted:
                raise SpecError(f"no game of this run has a parameter {key!r}{near(key, accepted)}")
        changed = distinct(game.with_params(params) for game in self.of("game"))
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
            and choice.name.endswith(EXACT)
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
