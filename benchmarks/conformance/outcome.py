"""The outcome of a check: passed, failed or does not apply, and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """The result of one check of a plugin.

    Attributes
    ----------
    name : str
        The check; in brackets the parameters it ran with, where they are not the defaults.
    passed : bool, or None where the check does not apply
    reason : str
        Why it failed or does not apply; for a passed check a figure that it measured, or "".
    """

    name: str
    passed: bool | None
    reason: str = ""


class Failed(Exception):
    """The plugin breaks the rule; the message says how."""


class DoesNotApply(Exception):
    """The rule says nothing about this plugin; the message says why."""


def outcome(name: str, check: Callable[[], str | None]) -> Outcome:
    """Run a check; what it returns or raises is the reason of the outcome."""
    try:
        with np.errstate(all="ignore"):
            return Outcome(name, True, check() or "")
    except DoesNotApply as why:
        return Outcome(name, None, str(why))
    except Failed as why:
        return Outcome(name, False, str(why))
    except Exception as error:  # a plugin may raise anything
        return Outcome(name, False, f"raises {one_line(error)}")


def one_line(error: Exception) -> str:
    """The type and text of an error, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def outcomes_of(
    kind: type[Any],
    of_class: Mapping[str, Callable[[], str | None]],
    checks: Iterable[Callable[[Any], str | None]],
) -> tuple[Any, list[Outcome]]:
    """The plugin with default parameters, None if it has none, and the outcomes of its checks.

    Parameters
    ----------
    kind : class of the plugin
    of_class : mapping of a name to a check
        Checks that need no plugin.
    checks : iterable of functions of the plugin
        Named after the functions.
    """
    outcomes = [outcome(name, check) for name, check in of_class.items()]
    try:
        plain = kind()
    except Exception as error:  # a plugin may raise anything
        reason = f"{kind.__name__}() raises {one_line(error)}; every parameter needs a default"
        return None, [*outcomes, Outcome("defaults", False, reason)]
    return plain, [*outcomes, *(outcome(c.__name__, partial(c, plain)) for c in checks)]
