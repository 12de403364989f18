"""Checkpoints of a training: safetensors and JSON in a folder, written whole or not at all."""

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
    record : dict
        Plain data: step, status, curve, ...
    """

    parameters: dict[str, Tensor]
    moments: dict[str, Tensor]
    record: dict[str, Any]


def write(
    folder: Path, parameters: dict[str, Tensor], moments: dict[str, Tensor], record: dict[str, Any]
) -> None:
    """Write a checkpoint beside the last one, then put it in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    save_file(parameters, part / "parameters.safetensors")
    save_file(moments, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps(record), encoding="utf-8")
    current, previous = (folder / name for name in _PLACES)
    shutil.rmtree(previous, ignore_errors=True)
    if current.is_dir():
        os.rename(current, previous)
    os.rename(part, current)
    shutil.rmtree(previous, ignore_errors=True)


def read(folder: Path) -> Checkpoint | None:
    """The checkpoint in the folder, if there is one."""
    place = _place(folder)
    if place is None:
        return None
    parameters, moments = (
        load_file(place / f"{name}.safetensors") for name in ("parameters", "optimizer")
    )
    return Checkpoint(parameters, moments, _record(place))


def ended(folder: Path) -> tuple[str, list[dict[str, Any]]] | None:
    """Status and curve of the training in ``folder``; None unless it has ended."""
    place = _place(folder)
    record = None if place is None else _record(place)
    return (record["status"], record["curve"]) if record and record["ended"] else None


def moments(optimizer: Any) -> dict[str, Tensor]:
    """The optimiser's state as named tensors."""
    return {
        f"{i}.{name}": value.detach().clone()
        for i, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore(optimizer: Any, moments: dict[str, Tensor]) -> None:
    """Put back what ``moments`` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        i, _, name = key.partition(".")
        state.setdefault(int(i), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _place(folder: Path) -> Path | None:
    for name in _PLACES:
        if (folder / name / "state.json").is_file():
            return folder / name
    return None


def _record(place: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((place / "state.json").read_text(encoding="utf-8"))
    return record
