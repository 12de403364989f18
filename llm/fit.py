"""The optimiser of every model, and the fit loop of losses without samples of the model."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


def adamw(parameters: Iterable[Any], lr: float) -> torch.optim.AdamW:
    """AdamW with betas 0.9 and 0.95 and no weight decay, over tensors or groups of them."""
    return torch.optim.AdamW(parameters, lr, betas=(0.9, 0.95), weight_decay=0.0)


def minimise(model: torch.nn.Module, loss: Callable[[], Tensor], steps: int, lr: float) -> None:
    """Fit a model in place: AdamW, learning rate cosine-annealed to 0, gradients clipped to norm 1.

    Parameters
    ----------
    model : torch.nn.Module
        Those of its parameters that require gradients are trained.
    loss : callable
        Returns the current loss, a scalar; called once per step.
    steps : int >= 0
    lr : float > 0
        Learning rate of the first step.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = adamw(parameters, lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
