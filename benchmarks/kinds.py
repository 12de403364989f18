"""The kinds of plugins: a new kind is one entry here, a registry, and a contract if it has one."""

import sys
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from benchmarks.conformance.outcome import Outcome
    from games.registry import Registry

Scale = Literal["tabular", "llm"]


@dataclass(frozen=True)
class Kind:
    """What is known of a kind before one of its plugins is loaded.

    References are ``module:name`` and imported when they are used, because those of the scale
    "llm" need torch.

    Attributes
    ----------
    name : str
        What users call it.
    registry : reference
    scale : "tabular" or "llm"
        Whether it needs language models.
    about : str
        What its first docstring line says, as the head of a table.
    contract : reference to a function of (plugin, name), or None
    template : str or None
        File of ``benchmarks.templates`` that a new one begins as.
    base : reference, or None
        Class that its classes derive from, where they need one.
    suffix : str
        What its class names end in.
    function : bool
        Whether it is a function, not a class.
    """

    name: str
    registry: str
    scale: Scale = "tabular"
    about: str = "what it is"
    contract: str | None = None
    template: str | None = None
    base: str | None = None
    suffix: str = ""
    function: bool = False

    @property
    def plural(self) -> str:
        """Its key in specs, and the word of ``prefgames ls``."""
        return f"{self.name}s"

    def plugins(self) -> "Registry[Any]":
        """The registry of its plugins.

        Raises
        ------
        SpecError
            If language models are needed and cannot be imported; names the extra to install.
        """
        registry: Registry[Any] = self._resolved(self.registry)
        return registry

    def check(self, plugin: Any, name: str) -> list["Outcome"]:
        """Run every check of the contract on a plugin and return their outcomes."""
        assert self.contract is not None  # asked only of kinds that have one
        outcomes: list[Outcome] = self._resolved(self.contract)(plugin, name)
        return outcomes

    def is_base_of(self, plugin: Any) -> bool:
        """Whether an object of a file just imported is of this kind, as far as its type shows.

        The file has imported the base class too, so that torch is not loaded to find that out.
        """
        if self.base is None:
            return True
        if sys.modules.get(self.base.partition(":")[0]) is None:
            return False
        return isinstance(plugin, type) and issubclass(plugin, resolve_name(self.base))

    def attribute(self, name: str) -> str:
        """The name that a plugin has in its file: of a function, or of a class in CamelCase."""
        from games.registry import camel_case

        return name if self.function else camel_case(name, self.suffix)

    def _resolved(self, reference: str) -> Any:
        try:
            return resolve_name(reference)
        except ImportError as error:
            if self.scale != "llm":
                raise
            from games.errors import SpecError

            raise SpecError(
                f'language models cannot be loaded ({error}); pip install "prefgames[llm]"'
            ) from error


KINDS = {
    "solver": Kind(
        "solver",
        "solvers:SOLVERS",
        contract="benchmarks.conformance.solver:run",
        template="my_solver",
        base="solvers:Solver",
    ),
    "game": Kind(
        "game",
        "games:GAMES",
        contract="benchmarks.conformance.game:run",
        template="my_game",
        function=True,
    ),
    "estimator": Kind(
        "estimator",
        "games.estimation:ESTIMATORS",
        about="what it assumes",
        contract="benchmarks.conformance.estimator:run",
        template="my_estimator",
        base="games.estimation:Estimator",
    ),
    "learner": Kind(
        "learner",
        "llm.learners:LEARNERS",
        "llm",
        contract="benchmarks.conformance.learner:run",
        template="my_learner",
        base="llm.learners:Learner",
    ),
    "judge": Kind(
        "judge",
        "llm.judges:JUDGES",
        "llm",
        "what it prefers",
        contract="benchmarks.conformance.judge:run",
        template="my_judge",
        suffix="Judge",
    ),
    "experiment": Kind(
        "experiment",
        "tabular:EXPERIMENTS",
        about="what it measures",
        contract="benchmarks.conformance.experiment:run",
        template="my_experiment",
        base="tabular:Experiment",
    ),
    "language_experiment": Kind("experiment", "llm:EXPERIMENTS", "llm", "what it measures"),
}
"""In the order in which ``prefgames check`` looks a name up."""

LISTED = list(dict.fromkeys(kind.plural for kind in KINDS.values()))
CHECKED = [name for name, kind in KINDS.items() if kind.contract]
"""What ``prefgames ls`` shows, and what ``new`` and ``check`` know."""
