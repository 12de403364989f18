"""Judges of which of two answers is better: games, rewards, models, a server, null judges."""

from games.registry import Registry
from llm.judges.judge import Audit as Audit
from llm.judges.judge import Judge as Judge
from llm.judges.judge import JudgeFactory as JudgeFactory
from llm.judges.judge import OrderedJudge as OrderedJudge
from llm.judges.judge import ScalarJudge as ScalarJudge
from llm.judges.judge import audit as audit

JUDGES: Registry[JudgeFactory] = Registry("judge", __name__, "prefgames.judges", suffix="Judge")
