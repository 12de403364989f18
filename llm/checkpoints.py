"""Checkpoints of a training: safetensors and JSON in a folder, written whole or not at all."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

_FOLDERS = "checkpoint", ".old"
"""The last checkpoint, and the one before if the process died between two renames."""


@dataclass(frozen=True)
class Checkpoint:
    """What a training needs in order to resume.

    Attributes
    ----------
    parameters : dict of str to tensor
        Parameters of the models, and the states of the generators.
    moments : dict of str to tensor
        State of the optimiser.
    record : dict
        Plain data: step, status, curve, ...
    """

    parameters: dict[str, Tensor]
    moments: dict[str, Tensor]
    record: dict[str, Any]


def write(
    folder: Path, parameters: dict[str, Tensor], moments: dict[str, Tensor], record: dict[str, Any]
) -> None:
    """Write a checkpoint beside the last one, then replace that one."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    save_file(parameters, part / "parameters.safetensors")
    save_file(moments, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps(record), encoding="utf-8")
    current, previous = (folder / name for name in _FOLDERS)
    shutil.rmtree(previous, ignore_errors=True)
    if current.is_dir():
        os.rename(current, previous)
    os.rename(part, current)
    shutil.rmtree(previous, ignore_errors=True)


def read(folder: Path) -> Checkpoint | None:
    """The last checkpoint in ``folder``; None if it has none."""
    last = _last(folder)
    if last is None:
        return None
    parameters, moments = (
        load_file(last / f"{name}.safetensors") for name in ("parameters", "optimizer")
    )
    return Checkpoint(parameters, moments, _record(last))


def ended(folder: Path) -> tuple[str, list[dict[str, Any]]] | None:
    """Status and curve of the training in ``folder``; None if it has not ended."""
    last = _last(folder)
    record = None if last is None else _record(last)
    return (record["status"], record["curve"]) if record and record["ended"] else None


def moments(optimizer: Any) -> dict[str, Tensor]:
    """The optimiser's state as named tensors."""
    return {
        f"{i}.{name}": value.detach().clone()
        for i, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore(optimizer: Any, moments: dict[str, Tensor]) -> None:
    """Load into an optimiser the state that ``moments`` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        i, _, name = key.partition(".")
        state.setdefault(int(i), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _last(folder: Path) -> Path | None:
    """Folder of the last checkpoint."""
    for name in _FOLDERS:
        if (folder / name / "state.json").is_file():
            return folder / name
    return None


def _record(checkpoint: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    return record
