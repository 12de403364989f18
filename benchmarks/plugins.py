"""From the plain data of a spec to games, methods and experiments, and what is wrong with it.

Methods are solvers at the scale "tabular" and learners at the scale "llm". The package llm, and
with it torch, is loaded when something of that scale is first asked for.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar, TypeVar

import numpy as np

from benchmarks.kinds import KINDS, Scale
from games import PreferenceGame, PrefgamesError, SpecError
from games.catalogue import make, makes_draws
from games.plugin_files import from_file, source
from games.registry import Registry, near, parameters
from solvers import ALIASES, taus

Params = Mapping[str, Any]
T = TypeVar("T")


def game(name: str, params: Params, rng: np.random.Generator | None = None) -> PreferenceGame:
    """The game of the catalogue, or of an installed package, with these parameters."""
    return make({"name": name, **params}, rng)


def game_draws(name: str, params: Params) -> bool:
    """Whether the game is drawn; a user's data (parameter ``data``) is not."""
    return "data" not in params and makes_draws({"name": name, **params})


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
        params = {key: value for key, value in params.items() if key != "source"}
        _require_parameters(name, params, self.parameter_names(name))
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
        _require_parameters(name, params, parameters(kind))
        return _construct(name, partial(kind, **params))

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
        return self.registry.add_file(text) if text.endswith(".py") else text

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

        A method from a file also has ``source``, the hash of the file's text: another text is
        another run.
        """
        kind = self.registry[name]
        if from_file(kind):
            params = {**params, "source": source(kind)[1]}
        weights = self.weights(name)
        if "kl" in params or not weights:
            return dict(params)
        default = {key: self.parameters(name)[key].default for key in weights}
        if "tau" in params:
            default = dict.fromkeys(weights, params["tau"])
        return {**default, **{key: value for key, value in params.items() if key != "tau"}}

    def store_file(self, name: str, params: Params, run_dir: Path) -> None:
        """Copy the file that the method came from, if any, to where workers read it."""
        if "source" in params:
            text, _ = source(self.registry[name])
            path = self._stored_file(name, params, run_dir)
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text)

    def register_file(self, name: str, params: Params, run_dir: Path) -> None:
        """Register the method in this process, if it came from a file, from the run's copy."""
        if "source" in params:
            registered = self.registry.get(name)
            if registered is None or source(registered)[1] != params["source"]:
                self.registry.add_file(self._stored_file(name, params, run_dir))

    def _stored_file(self, name: str, params: Params, run_dir: Path) -> Path:
        return run_dir / KINDS[self.kind].plural / str(params["source"]) / f"{name}.py"


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
            return _construct(name, partial(kind, **params))
        fixed = [key for key in ("tau", *taus(kind)) if key in params]
        if "tau" in fixed or len(fixed) == len(taus(kind)):
            raise SpecError(f"{name}: kl finds the tau by itself; drop {' or '.join(fixed)}, or kl")
        from tabular import MatchedKl

        rest = {key: value for key, value in params.items() if key != "kl"}
        _construct(name, partial(kind, **rest))
        return _construct(name, partial(MatchedKl, kind, params["kl"], rest))

    def frontier(self, name: str) -> list[dict[str, Any]]:
        """Also tau = 0, and where there is a tau_follower each KL again with that fixed at 0."""
        levels = super().frontier(name)
        follower = "tau_follower" in self.weights(name)
        sharp = [{**level, "tau_follower": 0.0} for level in levels] if follower else []
        return [*levels, *sharp, {"tau": 0.0}]

    def named(self, text: str) -> str:
        """The registry name of a user's text; an alias is refused, with what to write instead."""
        if text in ALIASES:
            alias = ALIASES[text]
            params = " ".join(f"-p {key}={value:g}" for key, value in alias.params().items())
            raise SpecError(
                f"{text} has the update of {alias.solver} and is run under that name: "
                f"--solver {alias.solver} {params}"
            )
        return super().named(text)


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
        return _construct(name, partial(resolve_name("llm:make_learner"), name, params))

    def settable(self, experiment: str) -> Iterable[str]:
        """Every parameter of the experiment, the language model among them."""
        return parameters(KINDS[self.experiment_kind].plugins()[experiment])


METHODS: dict[Scale, Methods] = {"tabular": Solvers(), "llm": Learners()}


def _require_parameters(name: str, params: Params, accepted: Iterable[str]) -> None:
    names = list(accepted)
    for key in params:
        if key not in names:
            raise SpecError(f"{name} has no parameter {key!r}{near(key, names)}")


def _construct(name: str, plugin: Callable[[], T]) -> T:
    try:
        return plugin()
    except PrefgamesError:
        raise
    except (TypeError, ValueError) as error:  # a plugin that leaves checking to Python
        raise SpecError(f"{name}: {error}") from None
