"""Short trainings of the small model, for tests."""

from pathlib import Path
from typing import Any

import numpy as np

from llm.evaluation import answer_probabilities
from llm.judges.bradley_terry import BradleyTerryJudge
from llm.judges.game import GameJudge
from llm.learners import Learner
from llm.policy import Policy
from llm.sft import SftConfig
from llm.training import TrainingConfig, TrainingResult, train
from tests.small_models import cycle_task

SHORT = TrainingConfig(steps=4, batch_size=32, max_new_tokens=6, evaluate_every=2)

SFT = SftConfig(steps=150)
SETTINGS: dict[str, Any] = {
    "steps": 50,
    "batch_size": 128,
    "lr": 1e-3,
    "max_new_tokens": 6,
    "evaluate_every": 25,
}
"""With these most learners get near their target from references fine-tuned with ``SFT``."""
LONGER: dict[str, Any] = {"steps": 60, "batch_size": 256, "evaluate_every": 30}
BRIEF: dict[str, Any] = {**SETTINGS, "steps": 4, "batch_size": 16, "evaluate_every": 2}


def run(
    learner: Learner,
    tuned_policy: Policy,
    config: TrainingConfig = SHORT,
    folder: Path | None = None,
    judge: Any = None,
    seed: int = 3,
    **settings: Any,
) -> TrainingResult:
    """A training of a copy of ``tuned_policy`` on the game of ``cycle``."""
    task, start = cycle_task(), tuned_policy.copied()
    kind = BradleyTerryJudge if learner.needs == "rewards" else GameJudge
    judge = judge or kind(task.game, task.prompts, task.answers)
    return train(
        learner, start, tuned_policy.frozen(), judge, task.prompts, config, seed, folder, **settings
    )


def evaluated(step: int, policy: Policy, follower: Policy | None) -> dict[str, Any]:
    """Probabilities of the leader's answers, and of the follower's to the second one."""
    probabilities = answer_probabilities(cycle_task(), policy, follower)
    return {
        "leader": np.exp(probabilities.leader).tolist(),
        "follower": np.exp(probabilities.follower[1]).tolist(),
    }


def folders(folder: Path) -> int:
    """Number of folders in a folder: one for each training."""
    return sum(path.is_dir() for path in folder.iterdir())
