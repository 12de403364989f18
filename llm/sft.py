"""Supervised fine-tuning of a model on the references of a task.

Fine-tuned models are stored in the user's cache folder, under a hash of all that determines them.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from llm.cache import user_cache
from llm.fit import minimise
from llm.models import TINY, device, fingerprint, load, save, tiny
from llm.policy import Policy
from llm.tasks.task import Task, conversations

TINY_LR, LARGE_LR = 5e-3, 2e-5
"""Default learning rates: of the tiny model, and of all others."""


@dataclass(frozen=True)
class SftConfig:
    """How a model is fine-tuned: weighted cross-entropy on every conversation of a task.

    Attributes
    ----------
    steps : int >= 0
        Full-batch steps of AdamW; with 0 the model stays as it is.
    lr : float > 0
        Learning rate of the first step; cosine-annealed to 0.
    seed : int >= 0
        Seed of the initial weights of the tiny model.
    """

    steps: int = 300
    lr: float = TINY_LR
    seed: int = 0


def fine_tuned(
    model: str,
    task: Task,
    config: SftConfig = SftConfig(),
    cache: Path | None = None,
) -> Policy:
    """The model after supervised fine-tuning on the references of the task.

    The first call trains the model, later ones load it from the cache.

    Parameters
    ----------
    model : "tiny", a folder, or a name on the model hub
    task : Task
    config : SftConfig
    cache : Path, optional
        Folder of fine-tuned models; by default ``models`` in the user's cache folder.

    Raises
    ------
    SolverError
        If the model cannot be loaded.
    """
    if config.steps == 0 and model != TINY:
        return load(model, task.instruction)
    texts = [*task.prompts, *task.answers, task.instruction]
    key = {
        "model": fingerprint(model),
        "texts": texts,
        "answers": list(task.answers),
        "leader": task.game.ref.tolist(),
        "follower": task.follower.tolist(),
        "sft": asdict(config),
        "format": 2,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    folder = (cache or user_cache() / "models") / f"{Path(model).name}-{digest}"
    if not folder.is_dir():
        if model == TINY:
            policy = Policy(*tiny(texts, config.seed), task.instruction)
            policy.model.to(device())
        else:
            policy = load(model, task.instruction)
        fine_tune(policy, task, config)
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{digest}-"))
        save(policy, part)
        try:
            part.rename(folder)
        except OSError:  # another process has stored it meanwhile
            shutil.rmtree(part)
    return load(str(folder), task.instruction)


def fine_tune(policy: Policy, task: Task, config: SftConfig = SftConfig()) -> float:
    """Fine-tune the policy in place, by cross-entropy to the references of the task.

    L = mean_x [KL(ref(.|x) | pi(.|x)) + mean_y KL(ref_follower(.|x, y) | omega(.|x, y))], with
    the exact expectation over all answers instead of samples.

    Returns
    -------
    float >= 0
        The loss L after the last step, in nats.
    """
    contexts, completions = conversations(task, policy)
    masses = np.concatenate([task.game.ref.ravel(), task.follower.ravel() / task.game.n])
    weights = torch.tensor(masses / len(task.prompts), device=policy.device)
    targets = np.concatenate([task.game.ref.ravel(), task.follower.ravel()])
    entropy = float(-(masses * np.log(targets)).sum() / len(task.prompts))

    def cross_entropy() -> Tensor:
        return -(weights * policy.log_probs(contexts, completions)).sum()

    minimise(policy.model, cross_entropy, config.steps, config.lr)
    with torch.no_grad():
        return float(cross_entropy()) - entropy
