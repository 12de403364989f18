"""The training loop of every learner: batches, optimiser steps, checkpoints, a curve with costs.

A training that was killed resumes from its last checkpoint; on a CPU in single precision it then
ends with the same parameters as one that was not killed.
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
from solvers.solver import Open

Evaluate = Callable[[int, Policy, Policy | None], dict[str, Any]]
"""(step, policy, separate follower or None) -> plain data for a point of the curve."""


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training; in a spec they are parameters of the learner.

    Attributes
    ----------
    steps : int >= 1
        Optimiser steps.
    batch_size : int >= 1
        Rows per step and process; a row is a prompt with all that the loss draws for it.
    lr : float > 0
        Learning rate of AdamW (betas 0.9 and 0.95, no weight decay).
    final_lr : float in [0, 1]
        Learning rate at the end, as a share of ``lr``; the decay is linear.
    clip : float > 0
        Norm to which gradients are clipped.
    max_new_tokens : int >= 1
        Largest number of tokens in a completion; one without an end by then is invalid.
    evaluate_every : int >= 1
        Steps between points of the curve, which also has step 0 and the last step.
    checkpoint_every : int >= 1
        Steps between checkpoints.
    precision : "no", "fp16" or "bf16"
        Mixed precision of the forward pass, as in accelerate.

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
        require(self, lr=(Open(0), most), final_lr=(0, 1), clip=(Open(0), most))
        if self.precision not in ("no", "fp16", "bf16"):
            raise SolverError(f"precision is {self.precision!r}, expected no, fp16 or bf16")


@dataclass(frozen=True)
class TrainingResult:
    """The trained policy, with the status, the cost and the curve of the training.

    Attributes
    ----------
    policy : Policy
        After the last step, or of the last good checkpoint if it diverged.
    follower : Policy or None
        The follower, if it has separate parameters.
    status : "ok" or "diverged"
    cost : Cost
        The cost of this process.
    curve : list of dict
        The points: step, cost (of all processes together) and what ``evaluate`` returned.
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
    """Minimise the learner's loss from ``start``, or from the last checkpoint in ``folder``.

    Parameters
    ----------
    learner : Learner
    start : Policy
        The initial policy, which is trained in place.
    reference : Policy
        Is not trained; ``start.frozen()`` if the policy starts at its reference.
    judge : judge or scorer, as the learner needs
    prompts : list of str
    config : TrainingConfig
    seed : int
        Seed of all random numbers.
    folder : Path, optional
        Folder of the checkpoints; without it none are written.
    evaluate : callable
        Called at every point of the curve.
    data : sequence of (prompt, winner, loser)
        The comparisons, for learners that need a data set.
    progress : bool
        Show a progress bar on stderr.

    Raises
    ------
    SolverError
        If the judge or the data that the learner needs is missing, or the folder holds another
        training.
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
    # accelerate fixes the precision at the first training of a process and refuses any other; there
    # is no public way to reset that
    AcceleratorState._reset_state()
    return Accelerator(cpu=device() == "cpu", mixed_precision=config.precision)


@dataclass(frozen=True)
class _Update:
    """A step of the optimiser, for extragradient methods with a trial step before it."""

    learner: Learner
    reference: Policy
    judge: Any
    prompts: list[str]
    config: TrainingConfig
    data: Sequence[tuple[str, str, str]]

    def __call__(self, state: TrainingState) -> None:
        """Advance the state by one step; its status becomes "diverged" if a value is not finite."""
        start = time.perf_counter()
        if self.learner.refresh_every and state.step % self.learner.refresh_every == 0:
            state.refresh()
        remaining = 1 - state.step / self.config.steps
        for group in state.optimizer.param_groups:
            share = self.config.final_lr + (1 - self.config.final_lr) * remaining
            group["lr"] = self.config.lr * share * group["speed"]
        opponent = self._extrapolated(state) if self.learner.extragradient else None
        if state.status == "ok":
            self._descend(state, opponent)
        if state.status == "ok":
            state.step += 1
            state.cost.steps = state.step
        state.cost.seconds += time.perf_counter() - start

    def _extrapolated(self, state: TrainingState) -> Policy:
        """The policy after a trial step; parameters and optimiser are then restored."""
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
        if accelerator.scaler is None:  # in fp16 the scaler skips steps that overflow
            finite = finite & torch.isfinite(torch.as_tensor(norm, device=finite.device))
        if accelerator.reduce(finite.float(), reduction="mean") < 1:  # in any process
            state.status = "diverged"
            return
        state.optimizer.step()

    def _rollout(self, state: TrainingState, opponent: Policy | None) -> Rollout:
        """The rollout of the next prompts, which are cycled through over steps and processes."""
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
