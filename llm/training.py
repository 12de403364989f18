"""The one loop that trains every learner: batches, descent, checkpoints, a curve with its cost.

A training that is killed goes on from its last checkpoint; on a CPU in single precision it then
ends with the same parameters as one that was not.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from rich.progress import Progress

from games.errors import SolverError
from llm import checkpoints
from llm.learners.learner import Learner
from llm.models import device
from llm.policy import Policy
from llm.rollout import Cost, Rollout
from llm.training_state import TrainingState
from solvers import require

Evaluate = Callable[[int, Policy, Policy | None], dict[str, Any]]
"""(step, policy, separate follower) -> plain data that the curve keeps."""


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how many and how fast; fields of a learner's parameters in a spec.

    Attributes
    ----------
    steps : int >= 1
        Optimiser steps.
    batch_size : int >= 1
        Rows a step and process; every row is a prompt with all that a loss draws for it.
    lr : float > 0
        Learning rate of AdamW (betas 0.9 and 0.95, no weight decay).
    final_lr : float in [0, 1]
        Share of ``lr`` to which it falls, linearly.
    clip : float > 0
        Largest norm of a gradient.
    max_new_tokens : int >= 1
        An answer that has not ended by then is cut off, and is invalid.
    evaluate_every : int >= 1
        Steps between points of the curve; the first and last step are always on it.
    checkpoint_every : int >= 1
        Steps between checkpoints.
    precision : "no", "fp16" or "bf16"
        Of the forward pass (accelerate's mixed precision).

    Raises
    ------
    SolverError
        If a value is out of range.
    """

    steps: int = 300
    batch_size: int = 256
    lr: float = 3e-3
    final_lr: float = 0.05
    clip: float = 1.0
    max_new_tokens: int = 16
    evaluate_every: int = 25
    checkpoint_every: int = 100
    precision: Literal["no", "fp16", "bf16"] = "no"

    def __post_init__(self) -> None:
        most = math.inf
        require(self, steps=(1, most), batch_size=(1, most), max_new_tokens=(1, most))
        require(self, evaluate_every=(1, most), checkpoint_every=(1, most))
        require(self, lr=(1e-12, most), final_lr=(0, 1), clip=(1e-12, most))
        if self.precision not in ("no", "fp16", "bf16"):
            raise SolverError(f"precision is {self.precision!r}, expected no, fp16 or bf16")


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves.

    Attributes
    ----------
    policy : Policy
        After the last step, or of the last good checkpoint if it diverged.
    follower : Policy or None
        Where it has parameters of its own.
    status : "ok" or "diverged"
    cost : Cost
        Of this process.
    curve : list of dict
        The points: step, cost (of all processes together) and what ``evaluate`` gave.
    """

    policy: Policy
    follower: Policy | None
    status: str
    cost: Cost
    curve: list[dict[str, Any]]


def train(
    learner: Learner,
    start: Policy,
    reference: Policy,
    judge: Any,
    prompts: Sequence[str],
    config: TrainingConfig,
    seed: int,
    folder: Path | None = None,
    evaluate: Evaluate = lambda step, policy, follower: {},
    data: Sequence[tuple[str, str, str]] = (),
    progress: bool = False,
) -> TrainingResult:
    """Descend the learner's loss from ``start``, or from the last checkpoint in ``folder``.

    Parameters
    ----------
    learner : Learner
    start : Policy
        Trained in place.
    reference : Policy
        Not trained; ``start.frozen()`` if the policy starts there.
    judge : judge or scorer, as the learner needs
    prompts : list of str
    config : TrainingConfig
    seed : int
        Of everything that is drawn.
    folder : Path, optional
        Checkpoints go there; without it none are written.
    evaluate : callable
        Called at every point of the curve.
    data : sequence of (prompt, winner, loser)
        For learners that need a data set.
    progress : bool
        Show a progress bar on stderr.

    Raises
    ------
    SolverError
        If the learner lacks what it needs, or the folder holds another training.
    """
    if learner.needs == "dataset" and not data:
        raise SolverError(f"{type(learner).__name__} learns from comparisons; pass data")
    if learner.needs == "rewards" and not hasattr(judge, "score"):
        raise SolverError(f"{type(learner).__name__} needs scalar rewards, a judge with `score`")
    accelerator = _accelerator(config)
    reference.model.to(accelerator.device)
    state = TrainingState(learner, start, accelerator, config.lr, seed)
    update = _Update(learner, reference, judge, list(prompts), config, data)
    identity = {
        "learner": repr(learner),
        "config": repr(config),
        "seed": seed,
        "processes": accelerator.num_processes,
        "prompts": update.prompts,
        "comparisons": len(data),
    }
    if folder is not None:
        state.resume(folder, identity)
    with Progress(disable=not progress) as bar:
        task = bar.add_task(type(learner).__name__, total=config.steps, completed=state.step)
        while True:
            ended = state.step == config.steps or state.status != "ok"
            due = state.step % config.evaluate_every == 0 or state.step == config.steps
            recorded = bool(state.curve) and state.curve[-1]["step"] == state.step
            if due and state.status == "ok" and not recorded:
                values = evaluate(state.step, state.policy, state.follower)
                cost = asdict(state.total_cost())
                state.curve.append({"step": state.step, "cost": cost, **values})
            if folder is not None and (ended or state.step % config.checkpoint_every == 0):
                state.save(folder, identity, ended)
            if ended:
                return TrainingResult(
                    state.policy, state.follower, state.status, state.cost, state.curve
                )
            update(state)
            if state.status != "ok" and folder is not None:
                state.revert(folder)
            bar.update(task, completed=state.step)


def _accelerator(config: TrainingConfig) -> Accelerator:
    # accelerate keeps the precision of a process's first training, and refuses any other; there is
    # no public way to make it forget
    AcceleratorState._reset_state()
    return Accelerator(cpu=device() == "cpu", mixed_precision=config.precision)


@dataclass(frozen=True)
class _Update:
    """One step of the optimiser; a step of the extragradient method takes two from one place."""

    learner: Learner
    reference: Policy
    judge: Any
    prompts: list[str]
    config: TrainingConfig
    data: Sequence[tuple[str, str, str]]

    def __call__(self, state: TrainingState) -> None:
        """Change the state; its status is "diverged" if something is not finite."""
        began = time.perf_counter()
        if self.learner.refresh_every and state.step % self.learner.refresh_every == 0:
            state.refresh()
        left = 1 - state.step / self.config.steps
        for group in state.optimizer.param_groups:
            share = self.config.final_lr + (1 - self.config.final_lr) * left
            group["lr"] = self.config.lr * share * group["speed"]
        opponent = self._extrapolated(state) if self.learner.extragradient else None
        if state.status == "ok":
            self._descend(state, opponent)
        if state.status == "ok":
            state.step += 1
            state.cost.steps = state.step
        state.cost.seconds += time.perf_counter() - began

    def _extrapolated(self, state: TrainingState) -> Policy:
        """The policy after a step that is then taken back, parameters and optimiser alike."""
        before = [p.detach().clone() for p in state.parameters]
        moments = checkpoints.moments(state.optimizer)
        self._descend(state, None)
        extrapolated = state.policy.copied().requires_grad_(False)
        with torch.no_grad():
            for p, value in zip(state.parameters, before, strict=True):
                p.copy_(value)
        checkpoints.restore(state.optimizer, moments)
        return extrapolated

    def _descend(self, state: TrainingState, opponent: Policy | None) -> None:
        accelerator = state.accelerator
        with accelerator.autocast():
            loss = self.learner.loss(self._rollout(state, opponent)).mean()
        state.optimizer.zero_grad()
        accelerator.backward(loss)
        if accelerator.num_processes > 1:
            for p in state.parameters:
                if p.grad is not None:
                    p.grad = accelerator.reduce(p.grad, reduction="mean")
        norm = accelerator.clip_grad_norm_(state.parameters, self.config.clip)
        finite = torch.isfinite(loss)
        if accelerator.scaler is None:  # which itself leaves out steps that overflow in fp16
            finite = finite & torch.isfinite(torch.as_tensor(norm, device=finite.device))
        if accelerator.reduce(finite.float(), reduction="mean") < 1:  # in any process
            state.status = "diverged"
            return
        state.optimizer.step()

    def _rollout(self, state: TrainingState, opponent: Policy | None) -> Rollout:
        """A batch of prompts, which take turns over steps and processes."""
        accelerator, size = state.accelerator, self.config.batch_size
        first = (state.step * accelerator.num_processes + accelerator.process_index) * size
        return Rollout(
            policy=state.policy,
            reference=self.reference,
            judge=self.judge,
            prompts=[self.prompts[(first + i) % len(self.prompts)] for i in range(size)],
            generator=state.generator,
            max_new_tokens=self.config.max_new_tokens,
            cost=state.cost,
            follower=state.follower,
            opponent=opponent,
            previous=state.previous,
            data=self.data,
        )
