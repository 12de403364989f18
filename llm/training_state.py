"""The state of a training: all that a step changes, and its checkpoints."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from games.errors import SolverError
from llm import checkpoints
from llm.fit import adamw
from llm.learners.learner import Learner
from llm.policy import Policy
from llm.rollout import Cost


class TrainingState:
    """Models, optimiser, generator, cost and curve of a training.

    Parameters
    ----------
    learner : Learner
        Determines whether there are a separate follower and a previous policy.
    policy : Policy
        The initial policy, which is trained in place.
    accelerator : Accelerator
    lr : float > 0
    seed : int

    Attributes
    ----------
    step : int
        Number of optimiser steps so far.
    status : "ok" or "diverged"
    policy, follower, previous : Policy
        The last two are None if the learner does not need them.
    parameters : list of Tensor
        Trained parameters of policy and follower.
    optimizer : AdamW
        Its groups have a "speed", a factor of their learning rate.
    generator : torch.Generator
        The generator of this process.
    cost : Cost
        The cost of this process.
    curve : list of dict
        The points so far: step, cost (of all processes together) and the evaluation.
    """

    def __init__(
        self, learner: Learner, policy: Policy, accelerator: Accelerator, lr: float, seed: int
    ) -> None:
        self.step, self.status = 0, "ok"
        self.cost = Cost()
        self.curve: list[dict[str, Any]] = []
        self.accelerator = accelerator
        policy.model.to(accelerator.device)
        self.policy = policy
        self.follower = policy.copied() if learner.separate_follower else None
        self.previous = policy.copied().requires_grad_(False) if learner.refresh_every else None
        self.generator = torch.Generator(accelerator.device)
        self.generator.manual_seed(seed * 1_000_003 + accelerator.process_index)
        groups: list[dict[str, Any]] = [{"params": _tensors(policy), "speed": 1.0}]
        if self.follower is not None:
            speed = getattr(learner, "kappa", 1.0)
            groups.append({"params": _tensors(self.follower), "speed": speed})
        self.parameters: list[Tensor] = [p for group in groups for p in group["params"]]
        self.optimizer = accelerator.prepare(adamw(groups, lr))

    def refresh(self) -> None:
        """Set the previous policy to the current one."""
        if self.previous is not None:
            _copy(_trained(self.policy), self.previous)

    def total_cost(self) -> Cost:
        """The cost of all processes together; steps and seconds are common to them."""
        counted = [name for name in asdict(self.cost) if name not in ("steps", "seconds")]
        device = self.accelerator.device
        counts = torch.tensor([getattr(self.cost, name) for name in counted], device=device)
        total = self.accelerator.reduce(counts, reduction="sum").tolist()
        return replace(self.cost, **dict(zip(counted, total, strict=True)))

    # --- checkpoints -----------------------------------------------------------------------------

    def save(self, folder: Path, identity: dict[str, Any], ended: bool) -> None:
        """Write a checkpoint beside the last one, then replace that one.

        Parameters
        ----------
        folder : Path
        identity : dict
            Plain data that distinguishes this training from others.
        ended : bool
            Whether the training is over.
        """
        states = self.accelerator.gather(self._generator_state()[None])
        costs = gather_object([asdict(self.cost)])
        if self.accelerator.is_main_process:
            record = {
                "identity": identity,
                "step": self.step,
                "status": self.status,
                "ended": ended,
                "costs": costs,
                "curve": self.curve,
            }
            parameters = self._named_tensors() | {"generators": states.cpu()}
            checkpoints.write(folder, parameters, checkpoints.moments(self.optimizer), record)
        self.accelerator.wait_for_everyone()

    def resume(self, folder: Path, identity: dict[str, Any]) -> None:
        """Load the last checkpoint in the folder, if it has one.

        Raises
        ------
        SolverError
            If the checkpoint is of another training.
        """
        checkpoint = checkpoints.read(folder)
        if checkpoint is None:
            return
        record = checkpoint.record
        if record["identity"] != identity:
            raise SolverError(
                f"{folder} holds another training ({record['identity']}); give another folder"
            )
        self._load(checkpoint.parameters)
        checkpoints.restore(self.optimizer, checkpoint.moments)
        self.step, self.status = record["step"], record["status"]
        self.cost = Cost(**record["costs"][self.accelerator.process_index])
        self.curve = record["curve"]

    def revert(self, folder: Path) -> None:
        """Restore parameters and curve from the last checkpoint in the folder, if it has one."""
        checkpoint = checkpoints.read(folder)
        if checkpoint is not None:
            self._load(checkpoint.parameters)
            last = checkpoint.record["step"]
            self.curve = [point for point in self.curve if point["step"] <= last]

    def _generator_state(self) -> Tensor:
        return self.generator.get_state().to(self.accelerator.device)

    def _roles(self) -> dict[str, Policy]:
        roles = {"policy": self.policy, "follower": self.follower, "previous": self.previous}
        return {role: policy for role, policy in roles.items() if policy is not None}

    def _named_tensors(self) -> dict[str, Tensor]:
        # for every role: the parameters of previous require no gradient
        names = [name for name, _ in _trained(self.policy)]
        tensors: dict[str, Tensor] = {}
        for role, policy in self._roles().items():
            parameters = dict(policy.model.named_parameters())
            tensors |= {f"{role}.{name}": parameters[name].detach().contiguous() for name in names}
        return tensors

    def _load(self, parameters: dict[str, Tensor]) -> None:
        tensors = dict(parameters)
        states = tensors.pop("generators")
        self.generator.set_state(states[self.accelerator.process_index].clone())  # not a view
        for role, policy in self._roles().items():
            named = [(key.partition("."), tensor) for key, tensor in tensors.items()]
            _copy([(name, tensor) for (owner, _, name), tensor in named if owner == role], policy)


def _trained(policy: Policy) -> list[tuple[str, Tensor]]:
    """Names and tensors of the trained parameters."""
    return [(name, p) for name, p in policy.model.named_parameters() if p.requires_grad]


def _tensors(policy: Policy) -> list[Tensor]:
    return [p for _, p in _trained(policy)]


@torch.no_grad()
def _copy(tensors: Sequence[tuple[str, Tensor]], policy: Policy) -> None:
    parameters = dict(policy.model.named_parameters())
    for name, tensor in tensors:
        parameters[name].copy_(tensor)
