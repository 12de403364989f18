"""How a policy is found: exact solvers of the three concepts, and the registry."""

from games.registry import Registry
from solvers import nlhf_exact, rlhf_exact, slhf_exact
from solvers.solver import Certificate as Certificate
from solvers.solver import Solution as Solution
from solvers.solver import Solver as Solver
from solvers.solver import require as require
from solvers.solver import taus as taus

SOLVERS: Registry[type[Solver]] = Registry("solver")
for _module in (rlhf_exact, nlhf_exact, slhf_exact):
    _name = _module.__name__.rpartition(".")[2]
    SOLVERS.add(_name, getattr(_module, "".join(map(str.capitalize, _name.split("_")))))
