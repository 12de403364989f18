"""The ranges of hyper-parameters."""

from numbers import Integral, Real

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


def require_whole(
    plugin: object,
    error: type[PrefgamesError] = SolverError,
    /,
    **ranges: range,
) -> None:
    """Check that hyper-parameters are integers within their ranges; a step of 2 asks for even ones.

    A whole number that is given as a float, like 2.0, is none: as a size it would fail later.

    Raises
    ------
    SolverError, or ``error``
        Naming the plugin, the parameter, its value and the range.
    """
    for key, allowed in ranges.items():
        value = getattr(plugin, key)
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or int(value) not in allowed:
            kind = "an even" if allowed.step == 2 else "a whole"
            raise error(
                f"{type(plugin).__name__}: {key} is {value!r}, expected {kind} number in "
                f"[{allowed[0]}, {allowed[-1]}]"
            )


def _within(value: float, low: float, high: float) -> bool:
    above = value > low if isinstance(low, Open) else value >= low
    below = value < high if isinstance(high, Open) else value <= high
    return above and below and value != np.inf
