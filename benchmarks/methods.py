"""Methods by scale: solvers are those of "tabular", learners those of "llm".

The package llm, and with it torch, is loaded when something of that scale is first asked for.
"""

import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from pkgutil import resolve_name
from typing import Any, ClassVar

from benchmarks import files
from benchmarks.kinds import KINDS, Scale
from benchmarks.plugins import Params, construct, require_parameters, require_types
from games import SpecError
from games.registry import Registry, parameters
from solvers import ALIASES, taus

EXACT = "_exact"
"""What the names of the exact solvers of the three concepts end in."""

_CONCEPTS = ("RLHF", "NLHF", "SLHF")


class Methods:
    """What the experiments of a scale cross with the games, and those experiments.

    Attributes
    ----------
    kind, experiment_kind : str
        Keys of ``KINDS``.
    shorthands : tuple of str
        What specs and the command line may give in place of a method's KL weights.
    folders : tuple of str
        Folders of a run directory that its experiments write to.
    trains : bool
        Whether its methods train a model, so that every cell draws.
    """

    kind: ClassVar[str]
    experiment_kind: ClassVar[str]
    shorthands: ClassVar[tuple[str, ...]]
    folders: ClassVar[tuple[str, ...]] = ()
    trains: ClassVar[bool] = False

    @property
    def registry(self) -> Registry[Any]:
        """The methods: name -> class."""
        return KINDS[self.kind].plugins()

    def parameters(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The parameters of a method: the fields of its class, unless the scale has more."""
        return parameters(self.registry[name])

    def make(self, name: str, params: Params) -> Any:
        """The method with these parameters.

        Raises
        ------
        SpecError
            If a name is unknown, or language models are needed and cannot be loaded.
        SolverError
            If a value is out of range.
        """
        params = files.without_source(params)
        require_parameters(name, params, self.parameter_names(name))
        require_types(name, params, self.parameters(name))
        return self._build(name, params)

    def _build(self, name: str, params: dict[str, Any]) -> Any:
        raise NotImplementedError

    def draws(self, name: str, params: Params) -> bool:
        """Whether the method draws random numbers."""
        return self.trains or bool(self.make(name, params).draws)

    def experiment(self, name: str, params: Params) -> Any:
        """The experiment with these parameters.

        Raises
        ------
        SpecError
            If a name is unknown or a value impossible.
        """
        kind = KINDS[self.experiment_kind].plugins()[name]
        require_parameters(name, params, parameters(kind))
        require_types(name, params, parameters(kind))
        return construct(name, partial(kind, **params))

    def experiment_draws(self, name: str, params: Params) -> bool:
        """Whether the experiment draws random numbers."""
        return self.trains or bool(self.experiment(name, params).draws)

    def settable(self, experiment: str) -> Iterable[str]:
        """Parameters of an experiment that ``-p`` sets besides those of methods: none."""
        del experiment
        return ()

    def named(self, text: str) -> str:
        """The registry name of a user's text; a file is registered under its stem.

        Raises
        ------
        SpecError
            If the file is of no use, or the name is another one's alias, which is not run twice.
        """
        return files.registered(self.kind, text)

    def frontier(self, name: str) -> list[dict[str, Any]]:
        """The parameters of a method at every KL of ``tabular.matching.FRONTIER``."""
        del name
        from tabular.matching import FRONTIER

        return [{"kl": kl} for kl in FRONTIER]

    def weights(self, name: str) -> list[str]:
        """Names of the KL weights of a method: its parameters called tau or tau_*."""
        return [key for key in self.parameters(name) if key == "tau" or key.startswith("tau_")]

    def parameter_names(self, name: str) -> list[str]:
        """The names of its parameters, and the shorthands for KL weights if it has any."""
        shorthands = self.shorthands if self.weights(name) else ()
        return list(dict.fromkeys([*self.parameters(name), *shorthands]))

    def with_weights(self, name: str, params: Params) -> dict[str, Any]:
        """The parameters with every KL weight by its name: as set, else ``tau``, else default.

        A method from a file also has its ``source`` (see ``files.with_source``).
        """
        params = files.with_source(self.kind, name, params)
        weights = self.weights(name)
        if "kl" in params or not weights:
            return dict(params)
        default = {key: self.parameters(name)[key].default for key in weights}
        if "tau" in params:
            default = dict.fromkeys(weights, params["tau"])
        return {**default, **{key: value for key, value in params.items() if key != "tau"}}


class Solvers(Methods):
    """Solvers, alone or at a given KL to the reference.

    The parameter ``kl`` asks for the latter; it finds the tau's that are not given.
    """

    kind = "solver"
    experiment_kind = "experiment"
    shorthands = ("tau", "kl")

    def _build(self, name: str, params: dict[str, Any]) -> Any:
        kind = self.registry[name]
        if "kl" not in params:
            return construct(name, partial(kind, **params))
        fixed = [key for key in ("tau", *taus(kind)) if key in params]
        if "tau" in fixed or len(fixed) == len(taus(kind)):
            raise SpecError(f"{name}: kl finds the tau by itself; drop {' or '.join(fixed)}, or kl")
        from tabular import MatchedKl

        rest = {key: value for key, value in params.items() if key != "kl"}
        construct(name, partial(kind, **rest))
        return construct(name, partial(MatchedKl, kind, params["kl"], rest))

    def frontier(self, name: str) -> list[dict[str, Any]]:
        """Also tau = 0, and where there is a tau_follower each KL again with that fixed at 0."""
        levels = super().frontier(name)
        follower = "tau_follower" in self.weights(name)
        sharp = [{**level, "tau_follower": 0.0} for level in levels] if follower else []
        return [*levels, *sharp, {"tau": 0.0}]

    def named(self, text: str) -> str:
        """The registry name of a user's text, which may be a concept as tables print it.

        An alias is refused, with what to write instead.
        """
        if text in ALIASES:
            alias = ALIASES[text]
            params = " ".join(f"-p {key}={value:g}" for key, value in alias.params().items())
            raise SpecError(
                f"{text} has the update of {alias.solver} and is run under that name: "
                f"--solver {alias.solver} {params}"
            )
        return super().named(f"{text.lower()}{EXACT}" if text in _CONCEPTS else text)


class Learners(Methods):
    """Learners; their parameters are their fields and those of their training, which draws.

    Their KL weights are given, or found by the parameter ``kl`` (see ``llm.method.Method``).
    """

    kind = "learner"
    experiment_kind = "language_experiment"
    shorthands = ("tau", "kl")
    folders = ("models",)
    trains = True

    def parameters(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The parameters of the training, then those of the learner."""
        self.registry[name]  # a SpecError if torch is missing
        names: Mapping[str, inspect.Parameter] = resolve_name("llm:learner_parameters")(name)
        return names

    def _build(self, name: str, params: dict[str, Any]) -> Any:
        return construct(name, partial(resolve_name("llm:make_learner"), name, params))

    def settable(self, experiment: str) -> Iterable[str]:
        """Every parameter of the experiment, the language model among them."""
        return parameters(KINDS[self.experiment_kind].plugins()[experiment])


METHODS: dict[Scale, Methods] = {"tabular": Solvers(), "llm": Learners()}
