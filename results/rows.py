"""One measurement, and the columns of the table that all measurements form."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Status = Literal[
    "ok",
    "max_steps",
    "diverged",
    "undefined",
    "skipped",
    "error",
    "timeout",
    "crashed",
    "interrupted",
]

STATUSES: dict[Status, str] = {
    "ok": "there is a value, and a valid certificate where the solver gives one",
    "max_steps": "an iterative solver was stopped before it settled; the value is of where it was",
    "diverged": "the iterates left the finite numbers; a training keeps the value of its last good "
    "checkpoint, a solver has none",
    "undefined": "the answer does not exist, e.g. a Bradley-Terry maximum that is infinite or a KL "
    "that the concept cannot reach; the message says which",
    "skipped": "the question cannot be asked of this game or method; the message says why",
    "error": "the cell raised an exception; the message has its type and text",
    "timeout": "the cell took longer than the spec's timeout and was stopped",
    "crashed": "the process of the cell died, for instance for want of memory",
    "interrupted": "the run was stopped while the cell was computed; resuming computes it again",
}
"""What the status of a row means."""

FAILED: tuple[Status, ...] = ("error", "timeout", "crashed")
"""Statuses that make a run's exit code 1; all others are results."""


class RunError(ValueError):
    """A wrong run directory, row or table request; the message says which, and how to repair it."""


@dataclass(frozen=True)
class Row:
    """One measurement; the field names are the columns of every table.

    Attributes
    ----------
    run : str
        Name of the run directory.
    cell : str
        Key of the cell in it: 16 hex of what was crossed.
    experiment : str
        The question, e.g. "consistency".
    scale : "tabular" or "llm"
        Whether a solver answered, or a trained language model.
    game : str
        Registry name, or that of a data file.
    game_params : canonical JSON
        Parameters of the game.
    solver : str
        Registry name of the solver, or of the learner.
    concept : "rlhf", "nlhf", "slhf" or "other"
        Solution concept of the method.
    params : canonical JSON
        Parameters of the method, with the KL that was asked for.
    seed : int or None
        None if nothing in the cell is random: the value is exact.
    context : int or None
        None if there is only one context, or the value is of all together.
    step : int or None
        Step of an iterative method or training; None if the value is of its end.
    metric : str
        A name of ``results.metrics.METRICS``.
    labels : canonical JSON
        What the metric is indexed by, together with the parameters of the experiment.
    value : float
        NaN unless the status is ok, max_steps, or diverged with a good checkpoint left.
    status : str
        A name of ``STATUSES``.
    message : str
        The reason, if the status is not ok.
    """

    run: str
    cell: str
    experiment: str
    scale: str
    game: str
    game_params: str
    solver: str
    concept: str
    params: str
    seed: int | None
    context: int | None
    step: int | None
    metric: str
    labels: str
    value: float
    status: Status = "ok"
    message: str = ""


COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Row))

STRENGTHS: dict[str, str] = {
    "tau": "weight of the KL penalty, where all weights of the method are this one; NaN where they "
    "differ, where the method has none, and where tau was found to match a KL (the metric `tau` "
    "then has it)",
    "kl": "KL to the reference that was asked for, in nats; NaN where none was",
}
"""Columns that ``results.load`` reads from ``params`` and puts after it, as float64."""


def strengths(params: str) -> tuple[float, float]:
    """The tau and kl of a method with these parameters, as ``STRENGTHS`` defines them."""
    values: dict[str, Any] = json.loads(params)
    if "kl" in values:
        return math.nan, float(values["kl"])
    weights = {value for key, value in values.items() if key == "tau" or key.startswith("tau_")}
    return (float(weights.pop()) if len(weights) == 1 else math.nan), math.nan


def canonical(values: Mapping[str, Any]) -> str:
    """The values as JSON with sorted keys and no spaces, so that equal mappings give equal text.

    Raises
    ------
    RunError
        If a value is not plain data or not finite.
    """
    try:
        return json.dumps(
            _plain(values), sort_keys=True, separators=(",", ":"), allow_nan=False, default=_item
        )
    except (TypeError, ValueError) as error:
        raise RunError(f"{values!r} cannot be written as JSON: {error}") from None


def _plain(value: Any) -> Any:
    """The value with whole floats as integers, so that 1 and 1.0 are the same parameter."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value


def _item(value: Any) -> Any:
    """A NumPy scalar or array as plain data."""
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise TypeError(f"{type(value).__name__} is not plain data")
