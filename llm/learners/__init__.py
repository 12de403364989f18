"""Language-model counterparts of the solvers, by name; others are found through entry points."""

from llm.learners import (
    dpo,
    egpo,
    inpo,
    ipo,
    nash_md_pg,
    online_ipo,
    reinforce_reward,
    rloo,
    self_play_pg,
    sppo,
    stackelberg_gda,
)
from llm.learners.learner import Learner as Learner
from llm.learners.learner import kl_penalty as kl_penalty
from llm.learners.learner import policy_gradient as policy_gradient
from solvers.discovery import Discovered, camel_case

LEARNERS: Discovered[type[Learner]] = Discovered("learner", "prefgames.learners")
for _module in (
    rloo,
    reinforce_reward,
    dpo,
    ipo,
    nash_md_pg,
    self_play_pg,
    online_ipo,
    egpo,
    inpo,
    sppo,
    stackelberg_gda,
):
    _name = _module.__name__.rpartition(".")[2]
    LEARNERS.add(_name, getattr(_module, camel_case(_name)))
