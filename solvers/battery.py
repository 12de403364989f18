"""The contract battery: the laws that every solver passes, as checks that anyone can run.

``prefgames check NAME-or-FILE`` prints them; the project's own tests run them over the registry.
"""

from functools import partial
from typing import Any, get_args

from solvers.discovery import camel_case
from solvers.iterative import IterativeSolver
from solvers.laws import CHECKS, DRAWING_CHECKS, SAMPLES
from solvers.outcome import DoesNotApply as DoesNotApply
from solvers.outcome import Failed as Failed
from solvers.outcome import Outcome as Outcome
from solvers.outcome import outcome as outcome
from solvers.outcome import told
from solvers.solver import Concept, Solver


def run(kind: type[Solver], name: str | None = None) -> list[Outcome]:
    """Every check of a solver class, with default parameters and in each form that draws.

    Parameters
    ----------
    kind : Solver class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    """
    name = name or kind.__module__.rpartition(".")[2]
    outcomes = [
        outcome("name", partial(_name, kind, name)),
        outcome("claims", partial(_claims, kind)),
    ]
    try:
        plain = kind()
    except Exception as error:  # a plugin may raise anything
        reason = f"{kind.__name__}() raises {told(error)}; every parameter needs a default"
        return [*outcomes, Outcome("defaults", False, reason)]
    outcomes += [outcome(check.__name__, partial(check, plain)) for check in CHECKS]
    for field, value in SAMPLES.items():
        if getattr(plain, field, None) == 0:
            drawing = kind(**{field: value})
            outcomes += [
                outcome(f"{check.__name__} [{field}={value}]", partial(check, drawing))
                for check in DRAWING_CHECKS
            ]
    return outcomes


def _name(kind: type[Solver], name: str) -> None:
    module = kind.__module__.rpartition(".")[2]
    if not (name.isidentifier() and name == name.lower()):
        raise Failed(f"the name {name!r} is not of the form my_method")
    if module != name:
        raise Failed(f"registered as {name!r} but the module is called {module!r}")
    if kind.__name__ != camel_case(name):
        raise Failed(f"the class is called {kind.__name__}, expected {camel_case(name)}")


def _claims(kind: type[Solver]) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Solver)):
        raise Failed(f"{kind!r} is not a subclass of Solver")
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if "__dataclass_params__" not in vars(kind) or not parameters.frozen:
        raise Failed("the class is not a frozen dataclass: decorate it @dataclass(frozen=True)")
    if kind.concept not in get_args(Concept):
        raise Failed(f"concept is {kind.concept!r}, expected one of {', '.join(get_args(Concept))}")
    if not kind.paper.strip():
        raise Failed('paper is empty; say authors, year, arXiv id or venue, or "unpublished"')
    if not (vars(kind).get("__doc__") or "").strip() or (kind.__doc__ or "").startswith(
        f"{kind.__name__}("
    ):
        raise Failed("the class has no docstring; state the update in its first line")
    legal = ("last", "average", "none")
    if issubclass(kind, IterativeSolver) and kind.iterate not in legal:
        raise Failed(f"iterate is {kind.iterate!r}, expected one of {', '.join(legal)}")
