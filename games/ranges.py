"""The ranges of hyper-parameters."""

from numbers import Real

import numpy as np

from games.errors import PrefgamesError, SolverError


class Open(float):
    """An open end of an interval: ``tau=(Open(0), np.inf)`` stands for 0 < tau < infinity."""


def require(
    plugin: object,
    error: type[PrefgamesError] = SolverError,
    /,
    **ranges: tuple[float, float],
) -> None:
    """Check that hyper-parameters are finite numbers within their ranges.

    A range is a closed interval, except at an end that is ``Open``. None is accepted where it is
    the default, which then stands for a value that the plugin works out.

    Raises
    ------
    SolverError, or ``error``
        Naming the plugin, the parameter, its value and the range.
    """
    name = type(plugin).__name__
    for key, (low, high) in ranges.items():
        value, optional = getattr(plugin, key), getattr(type(plugin), key, low) is None
        if value is None and optional:
            continue
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not _within(value, low, high):
            left = "(" if isinstance(low, Open) else "["
            right = ")" if isinstance(high, Open) or high == np.inf else "]"
            hint = f"; leave {key} out for the default" if optional else ""
            raise error(
                f"{name}: {key} is {value!r}, expected a number in "
                f"{left}{low:g}, {high:g}{right}{hint}"
            )


def _within(value: float, low: float, high: float) -> bool:
    above = value > low if isinstance(low, Open) else value >= low
    below = value < high if isinstance(high, Open) else value <= high
    return above and below and value != np.inf
