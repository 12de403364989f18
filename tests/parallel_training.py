"""Trainings in several processes: run as a script by each of them, with torch's variables set."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, distributed

from llm.judges.game import GameJudge
from llm.learners import LEARNERS, Learner
from llm.models import load
from llm.policy import Policy
from llm.rollout import Rollout
from llm.training import TrainingConfig, TrainingResult, train
from tests.small_models import cycle_task, parameters

CONFIG = TrainingConfig(
    steps=4, batch_size=16, max_new_tokens=6, evaluate_every=1, checkpoint_every=2
)
RANK = int(os.environ.get("RANK", 0))


class Unequal(Learner):
    """Gradients of the output layer are 0.001 in the first process and 0.002 in the second."""

    def loss(self, rollout: Rollout) -> Tensor:
        total: Tensor = 1e-3 * (RANK + 1) * rollout.policy.model.lm_head.weight.sum().expand(2)
        return total


class Breaks(Learner):
    """Not finite in the second process alone."""

    def loss(self, rollout: Rollout) -> Tensor:
        total: Tensor = rollout.policy.model.lm_head.weight.sum().expand(2)
        return total * (float("inf") if RANK == 1 else 1.0)


class Stopped(Exception):
    """What ends a training before its time."""


class Recording(GameJudge):
    """Records the answers that it is asked about."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Any:
        self.__dict__.setdefault("heard", []).append([*a])
        return super().prefer(prompts, a, b, **columns)


def main(start: Path, folder: Path) -> None:
    """Train whole, and in two parts; leave what is to be compared."""
    task = cycle_task()
    judge = Recording(task.game, task.prompts, task.answers)

    def go(learner: Learner, where: Path | None, watch: Any) -> TrainingResult:
        policy = load(str(start)).requires_grad_(True)
        reference = policy.frozen()
        return train(
            learner, policy, reference, judge, task.prompts, CONFIG, 5, where, evaluate=watch
        )

    slopes: list[float] = []

    def slope(step: int, policy: Policy, follower: Policy | None) -> dict[str, Any]:
        grad = policy.model.lm_head.weight.grad
        slopes.append(0.0 if grad is None else grad[0, 0].item())
        return {}

    def stop(step: int, policy: Policy, follower: Policy | None) -> dict[str, Any]:
        if step == 3:
            raise Stopped
        return {}

    def nothing(step: int, policy: Policy, follower: Policy | None) -> dict[str, Any]:
        return {}

    whole = go(LEARNERS["nash_md_pg"](), folder / "whole", nothing)
    heard = judge.__dict__["heard"]
    try:
        go(LEARNERS["nash_md_pg"](), folder / "parts", stop)
    except Stopped:
        resumed = go(LEARNERS["nash_md_pg"](), folder / "parts", nothing)
    go(Unequal(), None, slope)
    broken = go(Breaks(), None, nothing)
    results = {
        "heard": heard[0],
        "costs": [point["cost"] for point in whole.curve],
        "resumed": resumed.curve[-1]["cost"],
        "own": whole.cost.generated_tokens,
        "slopes": slopes,
        "broken": [broken.status, broken.cost.steps],
    }
    (folder / f"{RANK}.json").write_text(json.dumps(results), encoding="utf-8")
    save_file(parameters(whole.policy), folder / f"whole-{RANK}.safetensors")
    save_file(parameters(resumed.policy), folder / f"parts-{RANK}.safetensors")
    distributed.barrier()
    distributed.destroy_process_group()  # else its threads may outlive Python, which then aborts


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
