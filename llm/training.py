"""The one loop that trains every learner: batches, descent, checkpoints, an account of the cost.

A training that is killed goes on from its last checkpoint; on a CPU in single precision it then
ends with the same parameters as one that was not.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object
from rich.progress import Progress
from torch import Tensor

from games.errors import SolverError
from llm import checkpoints
from llm.learners.learner import Account, Learner, Play
from llm.policy import Policy
from solvers import require

Watch = Callable[[int, Policy, Policy | None], dict[str, Any]]
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
        An answer that has not ended by then is cut off, and is none of the listed ones.
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


@dataclass
class Trained:
    """What a training left.

    Attributes
    ----------
    policy : Policy
        After the last step, or of the last good checkpoint if it diverged.
    follower : Policy or None
        Where it has parameters of its own.
    status : "ok" or "diverged"
    account : Account
        Of this process.
    curve : list of dict
        The points: step, account (of all processes together) and what ``watch`` told.
    """

    policy: Policy
    follower: Policy | None
    status: str = "ok"
    account: Account = field(default_factory=Account)
    curve: list[dict[str, Any]] = field(default_factory=list)


def train(
    learner: Learner,
    start: Policy,
    reference: Policy,
    judge: Any,
    prompts: Sequence[str],
    config: TrainingConfig,
    seed: int,
    folder: Path | None = None,
    watch: Watch = lambda step, policy, follower: {},
    data: Sequence[tuple[str, str, str]] = (),
    progress: bool = False,
) -> Trained:
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
    watch : callable
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
    loop = _Loop(learner, start, reference, judge, prompts, config, seed, folder, data)
    loop.resume()
    with Progress(disable=not progress) as bar:
        task = bar.add_task(type(learner).__name__, total=config.steps, completed=loop.step)
        while True:
            due = loop.step % config.evaluate_every == 0 or loop.step == config.steps
            due &= loop.trained.status == "ok"
            if due and not (loop.trained.curve and loop.trained.curve[-1]["step"] == loop.step):
                loop.look(watch)
            ended = loop.step == config.steps or loop.trained.status != "ok"
            if ended or loop.step % config.checkpoint_every == 0:
                loop.save()
            if ended:
                return loop.trained
            loop.advance()
            bar.update(task, completed=loop.step)


class _Loop:
    """The state of a training."""

    def __init__(
        self,
        learner: Learner,
        start: Policy,
        reference: Policy,
        judge: Any,
        prompts: Sequence[str],
        config: TrainingConfig,
        seed: int,
        folder: Path | None,
        data: Sequence[tuple[str, str, str]],
    ) -> None:
        self.learner, self.config, self.folder, self.data = learner, config, folder, data
        self.judge, self.prompts, self.step = judge, list(prompts), 0
        AcceleratorState._reset_state()  # else the precision of this process's first training rules
        self.accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), mixed_precision=config.precision
        )
        self.identity = {
            "learner": repr(learner),
            "config": repr(config),
            "seed": seed,
            "processes": self.accelerator.num_processes,
            "prompts": self.prompts,
            "comparisons": len(data),
        }
        device = self.accelerator.device
        start.model.to(device)
        reference.model.to(device)
        self.reference = reference
        follower = start.copied() if learner.separate_follower else None
        self.previous = start.copied().requires_grad_(False) if learner.refresh_every else None
        self.generator = torch.Generator(device)
        self.generator.manual_seed(seed * 1_000_003 + self.accelerator.process_index)
        self.trained = Trained(start, follower)
        groups = [{"params": [p for _, p in self._own(start)], "speed": 1.0}]
        if follower is not None:
            kappa = getattr(learner, "kappa", 1.0)
            groups.append({"params": [p for _, p in self._own(follower)], "speed": kappa})
        self.optimizer = torch.optim.AdamW(groups, config.lr, betas=(0.9, 0.95), weight_decay=0.0)
        self.optimizer = self.accelerator.prepare(self.optimizer)
        self.parameters = [p for group in groups for p in group["params"]]  # type: ignore[attr-defined]

    @staticmethod
    def _own(policy: Policy) -> list[tuple[str, Tensor]]:
        return [(name, p) for name, p in policy.model.named_parameters() if p.requires_grad]

    def advance(self) -> None:
        """One step of the optimiser, or two from the same place; "diverged" if it is not finite."""
        began = time.perf_counter()
        every = self.learner.refresh_every
        if self.previous is not None and self.step % every == 0:
            self._copy(self._own(self.trained.policy), self.previous)
        left = 1 - self.step / self.config.steps
        for group in self.optimizer.param_groups:
            share = self.config.final_lr + (1 - self.config.final_lr) * left
            group["lr"] = self.config.lr * share * group["speed"]
        opponent = self._ahead() if self.learner.looks_ahead else None
        if self.trained.status == "ok":
            self._descend(opponent)
        if self.trained.status == "ok":
            self.step += 1
            self.trained.account.steps = self.step
        else:
            self._return()
        self.trained.account.seconds += time.perf_counter() - began

    def _return(self) -> None:
        """Parameters and curve of the last checkpoint, if there is one."""
        held = self._held()
        if held is not None:
            self._load(held.parameters)
            kept = held.told["step"]
            self.trained.curve = [p for p in self.trained.curve if p["step"] <= kept]

    def _ahead(self) -> Policy | None:
        """The policy after a step that is then taken back, parameters and optimiser alike."""
        before = [p.detach().clone() for p in self.parameters]
        kept = checkpoints.moments(self.optimizer)
        self._descend(None)
        ahead = self.trained.policy.copied().requires_grad_(False)
        with torch.no_grad():
            for p, old in zip(self.parameters, before, strict=True):
                p.copy_(old)
        checkpoints.restore(self.optimizer, kept)
        return ahead

    def _descend(self, opponent: Policy | None) -> None:
        C, B = len(self.prompts), self.config.batch_size
        first = (self.step * self.accelerator.num_processes + self.accelerator.process_index) * B
        play = Play(
            policy=self.trained.policy,
            reference=self.reference,
            judge=self.judge,
            prompts=[self.prompts[(first + i) % C] for i in range(B)],
            generator=self.generator,
            max_new_tokens=self.config.max_new_tokens,
            account=self.trained.account,
            follower=self.trained.follower,
            opponent=opponent,
            previous=self.previous,
            data=self.data,
        )
        with self.accelerator.autocast():
            loss = self.learner.loss(play).mean()
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        if self.accelerator.num_processes > 1:
            for p in self.parameters:
                if p.grad is not None:
                    p.grad = self.accelerator.reduce(p.grad, reduction="mean")
        norm = self.accelerator.clip_grad_norm_(self.parameters, self.config.clip)
        finite = torch.isfinite(loss)
        if self.accelerator.scaler is None:  # which itself leaves out steps that overflow in fp16
            finite = finite & torch.isfinite(torch.as_tensor(norm, device=finite.device))
        if self.accelerator.reduce(finite.float(), reduction="mean") < 1:  # in any process
            self.trained.status = "diverged"
            return
        self.optimizer.step()

    def look(self, watch: Watch) -> None:
        """A point of the curve."""
        told = watch(self.step, self.trained.policy, self.trained.follower)
        account = asdict(self._spent())
        self.trained.curve.append({"step": self.step, "account": account, **told})

    def _spent(self) -> Account:
        """By all processes together; steps and seconds are common to them."""
        own = self.trained.account
        counted = [name for name in asdict(own) if name not in ("steps", "seconds")]
        counts = torch.tensor(
            [getattr(own, name) for name in counted], device=self.accelerator.device
        )
        total = self.accelerator.reduce(counts, reduction="sum").tolist()
        return replace(own, **dict(zip(counted, total, strict=True)))

    # --- checkpoints -----------------------------------------------------------------------------

    def save(self) -> None:
        """Write a checkpoint beside the last one, then put it in its place."""
        if self.folder is None:
            return
        states = self.accelerator.gather(self._generator_state()[None])
        accounts = gather_object([asdict(self.trained.account)])
        if self.accelerator.is_main_process:
            told = {
                "identity": self.identity,
                "step": self.step,
                "status": self.trained.status,
                "ended": self.step == self.config.steps or self.trained.status != "ok",
                "accounts": accounts,
                "curve": self.trained.curve,
            }
            parameters = self._tensors() | {"generators": states.cpu()}
            checkpoints.write(self.folder, parameters, checkpoints.moments(self.optimizer), told)
        self.accelerator.wait_for_everyone()

    def _generator_state(self) -> Tensor:
        return self.generator.get_state().to(self.accelerator.device)

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        held = self._held()
        if held is None:
            return
        told = held.told
        if told["identity"] != self.identity:
            raise SolverError(
                f"{self.folder} holds another training ({told['identity']}); give another folder"
            )
        self._load(held.parameters)
        checkpoints.restore(self.optimizer, held.moments)
        self.step, self.trained.status = told["step"], told["status"]
        self.trained.account = Account(**told["accounts"][self.accelerator.process_index])
        self.trained.curve = told["curve"]

    def _held(self) -> checkpoints.Checkpoint | None:
        return None if self.folder is None else checkpoints.read(self.folder)

    def _tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for role, policy in self._roles():
            # the previous policy is frozen; its names are those of the policy
            names = [name for name, _ in self._own(self.trained.policy)]
            all_of_it = dict(policy.model.named_parameters())
            found |= {f"{role}.{name}": all_of_it[name].detach().contiguous() for name in names}
        return found

    def _load(self, parameters: dict[str, Tensor]) -> None:
        tensors = dict(parameters)
        states = tensors.pop("generators")
        self.generator.set_state(states[self.accelerator.process_index].clone())  # not a view
        for role, policy in self._roles():
            own = [(n.partition(".")[2], t) for n, t in tensors.items() if n.startswith(f"{role}.")]
            self._copy(own, policy)

    def _roles(self) -> list[tuple[str, Policy]]:
        every = (
            ("policy", self.trained.policy),
            ("follower", self.trained.follower),
            ("previous", self.previous),
        )
        return [(role, policy) for role, policy in every if policy is not None]

    @staticmethod
    @torch.no_grad()
    def _copy(tensors: Sequence[tuple[str, Tensor]], policy: Policy) -> None:
        parameters = dict(policy.model.named_parameters())
        for name, tensor in tensors:
            parameters[name].copy_(tensor)
