"""Who says which of two answers is better: the game, rewards, models, a server, null judges."""

from llm.judges import (
    attributes,
    bradley_terry,
    coin,
    ensemble,
    game,
    longest,
    pairwise_model,
    reward_model,
    server,
)
from llm.judges.judge import Audit as Audit
from llm.judges.judge import Judge as Judge
from llm.judges.judge import Maker as Maker
from llm.judges.judge import OrderedJudge as OrderedJudge
from llm.judges.judge import ScalarJudge as ScalarJudge
from llm.judges.judge import audit as audit
from solvers.discovery import Discovered, camel_case

JUDGES: Discovered[Maker] = Discovered("judge", "prefgames.judges")
for _module in (
    game,
    bradley_terry,
    attributes,
    reward_model,
    pairwise_model,
    server,
    ensemble,
    longest,
    coin,
):
    _name = _module.__name__.rpartition(".")[2]
    JUDGES.add(_name, getattr(_module, f"{camel_case(_name)}Judge"))
