"""How a policy is found: exact solvers of the three concepts, iterative ones, and the registry."""

from solvers import (
    comal,
    egpo,
    gpo,
    inpo,
    iterated_best_of_n,
    mnpo,
    mpo,
    nash_ema,
    nash_md,
    nash_md_pg,
    nash_rs,
    nlhf_exact,
    omwu,
    online_ipo_1,
    online_ipo_2,
    rlhf_exact,
    rspo,
    self_play_mwu,
    slhf_exact,
    spo,
    sppo,
)
from solvers.aliases import ALIASES as ALIASES
from solvers.aliases import Alias as Alias
from solvers.discovery import Discovered, camel_case
from solvers.iterative import IterativeSolver as IterativeSolver
from solvers.solver import Certificate as Certificate
from solvers.solver import Solution as Solution
from solvers.solver import Solver as Solver
from solvers.solver import require as require
from solvers.solver import taus as taus

SOLVERS: Discovered[type[Solver]] = Discovered("solver", "prefgames.solvers")
for _module in (
    rlhf_exact,
    nlhf_exact,
    slhf_exact,
    nash_md,
    nash_md_pg,
    nash_ema,
    nash_rs,
    online_ipo_1,
    online_ipo_2,
    inpo,
    mnpo,
    egpo,
    mpo,
    comal,
    omwu,
    self_play_mwu,
    spo,
    sppo,
    gpo,
    rspo,
    iterated_best_of_n,
):
    _name = _module.__name__.rpartition(".")[2]
    SOLVERS.add(_name, getattr(_module, camel_case(_name)))
