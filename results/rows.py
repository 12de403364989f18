"""One measurement, and the table that all of them make."""

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

FAILED: tuple[Status, ...] = ("error", "timeout", "crashed")
"""Statuses that make a run's exit code 1; the others are answers."""


class RunError(ValueError):
    """A run directory, a row or a table request is wrong; the message says which and the repair."""


@dataclass(frozen=True)
class Row:
    """One measurement; the field names are the columns of every table.

    Attributes
    ----------
    run, cell : str
        Name of the run directory; key of the cell in it.
    experiment : str
        The question, e.g. "consistency".
    scale : "tabular" or "llm"
    game, solver : str
        Registry names.
    game_params, params, labels : canonical JSON
        Parameters of the game and of the solver; what the metric is indexed by (and the
        parameters of the experiment).
    concept : "rlhf", "nlhf", "slhf" or "other"
    seed : int, or None where nothing in the cell draws ("exact")
    context, step : int, or None where there is one context or no step
    metric : str
        A name of ``results.metrics.METRICS``.
    value : float; NaN where the status is not ok or max_steps
    status : Status
    message : str
        Why, where the status is not ok.
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


def canonical(values: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces: equal mappings give equal text.

    Raises
    ------
    RunError
        If a value is not plain data, or not finite.
    """
    try:
        return json.dumps(
            _plain(values), sort_keys=True, separators=(",", ":"), allow_nan=False, default=_item
        )
    except (TypeError, ValueError) as error:
        raise RunError(f"{values!r} cannot be written as JSON: {error}") from None


def _plain(value: Any) -> Any:
    """Whole floats as integers, so that 1 and 1.0 are the same parameter."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value


def _item(value: Any) -> Any:
    """NumPy scalars and arrays as plain data."""
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    raise TypeError(f"{type(value).__name__} is not plain data")
