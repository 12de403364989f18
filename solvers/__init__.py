"""How a policy is found: exact solvers of the three concepts, iterative ones, and the registry."""

from games.registry import Discovered
from solvers import (
    best_of_n,
    bond,
    comal,
    dpo,
    egpo,
    gpo,
    inpo,
    ipo,
    iterated_best_of_n,
    mnpo,
    mpo,
    nash_ema,
    nash_md,
    nash_md_pg,
    nash_rs,
    natural_pg,
    nlhf_exact,
    omwu,
    online_ipo_1,
    online_ipo_2,
    preference_matching,
    rebel,
    reward_follower,
    rlhf_exact,
    rspo,
    self_play_mwu,
    sgpo,
    slhf_exact,
    softmax_pg,
    spo,
    sppo,
    srpo,
    stackelberg_gda,
    stackelberg_npg,
)
from solvers.aliases import ALIASES as ALIASES
from solvers.aliases import Alias as Alias
from solvers.discovery import camel_case
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
    softmax_pg,
    natural_pg,
    rebel,
    dpo,
    ipo,
    best_of_n,
    bond,
    preference_matching,
    stackelberg_gda,
    stackelberg_npg,
    srpo,
    sgpo,
    reward_follower,
):
    _name = _module.__name__.rpartition(".")[2]
    SOLVERS.add(_name, getattr(_module, camel_case(_name)))
