"""Checkpoints of a training: safetensors and JSON in a folder, there whole or not at all."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

_PLACES = "checkpoint", ".old"
"""The last checkpoint; the one before, if the process died between two renames."""


@dataclass(frozen=True)
class Checkpoint:
    """What a training needs to go on.

    Attributes
    ----------
    parameters, moments : dict of str to tensor
        Of the models, generator states included, and of the optimiser.
    told : dict
        Plain data: step, status, curve, ...
    """

    parameters: dict[str, Tensor]
    moments: dict[str, Tensor]
    told: dict[str, Any]


def write(
    folder: Path, parameters: dict[str, Tensor], moments: dict[str, Tensor], told: dict[str, Any]
) -> None:
    """Write a checkpoint beside the last one, then put it in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    save_file(parameters, part / "parameters.safetensors")
    save_file(moments, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps(told), encoding="utf-8")
    held, old = (folder / name for name in _PLACES)
    shutil.rmtree(old, ignore_errors=True)
    if held.is_dir():
        os.rename(held, old)
    os.rename(part, held)
    shutil.rmtree(old, ignore_errors=True)


def read(folder: Path) -> Checkpoint | None:
    """The checkpoint in the folder, if there is one."""
    held = _held(folder)
    if held is None:
        return None
    parameters, moments = (
        load_file(held / f"{name}.safetensors") for name in ("parameters", "optimizer")
    )
    return Checkpoint(parameters, moments, _told(held))


def record(folder: Path) -> tuple[str, list[dict[str, Any]]] | None:
    """Status and curve of the training in ``folder``; None unless it has ended."""
    held = _held(folder)
    told = None if held is None else _told(held)
    return (told["status"], told["curve"]) if told and told["ended"] else None


def moments(optimizer: Any) -> dict[str, Tensor]:
    """The optimiser's state as named tensors."""
    return {
        f"{i}.{name}": value.detach().clone()
        for i, own in optimizer.state_dict()["state"].items()
        for name, value in own.items()
    }


def restore(optimizer: Any, moments: dict[str, Tensor]) -> None:
    """Put back what ``moments`` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        i, _, name = key.partition(".")
        state.setdefault(int(i), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _held(folder: Path) -> Path | None:
    for name in _PLACES:
        if (folder / name / "state.json").is_file():
            return folder / name
    return None


def _told(held: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((held / "state.json").read_text(encoding="utf-8"))
    return found
