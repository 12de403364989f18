"""Solvers: exact ones for the three solution concepts, iterative algorithms, and their registry."""

from games.registry import Registry
from solvers.aliases import ALIASES as ALIASES
from solvers.aliases import Alias as Alias
from solvers.iterative import IterativeSolver as IterativeSolver
from solvers.solver import Certificate as Certificate
from solvers.solver import Solution as Solution
from solvers.solver import Solver as Solver
from solvers.solver import require as require
from solvers.solver import taus as taus

SOLVERS: Registry[type[Solver]] = Registry("solver", __name__, "prefgames.solvers")
