"""Trainings that die: run as a script, it starts some and kills them with SIGKILL."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from llm.judges.game import GameJudge
from llm.learners import LEARNERS
from llm.models import load
from llm.training import TrainingConfig, TrainingResult, train
from tests.small_models import cycle_task

CONFIG = TrainingConfig(
    steps=7, batch_size=24, lr=3e-3, max_new_tokens=6, evaluate_every=3, checkpoint_every=2
)
KINDS: dict[str, Any] = {
    "nash_md_pg": {},
    "stackelberg_gda": {"separate": True},
    "inpo": {"refresh": 3},
    "egpo": {},
}
DIES_AT = 5


class Mortal(GameJudge):
    """A judge in whose hands the process dies."""

    def prefer(self, *args: Any, **columns: Any) -> Any:
        """The probabilities of the game, until its lives are used up."""
        object.__setattr__(self, "asked", getattr(self, "asked", 0) + 1)
        if self.__dict__["asked"] > self.__dict__["lives"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prefer(*args, **columns)


def trained(
    name: str, start: Path, folder: Path | None, lives: int | None = None, **settings: Any
) -> TrainingResult:
    """A training of one of ``KINDS``."""
    task, policy = cycle_task(), load(str(start)).requires_grad_(True)
    judge: Any = GameJudge(task.game, task.prompts, task.answers)
    if lives is not None:
        judge = Mortal(task.game, task.prompts, task.answers)
        object.__setattr__(judge, "lives", lives)
    learner = LEARNERS[name](**KINDS[name])
    return train(
        learner, policy, policy.frozen(), judge, task.prompts, CONFIG, 5, folder, **settings
    )


def calls_a_step(name: str) -> int:
    """How often a step asks the judge."""
    return {"egpo": 4}.get(name, 1)


if __name__ == "__main__":
    start, folder = map(Path, sys.argv[1:])
    for name in KINDS:
        child = os.fork()
        if child == 0:
            trained(name, start, folder / name, DIES_AT * calls_a_step(name))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{name} {os.WTERMSIG(status)}\n")
