"""The outcome of a check: passed, failed or does not apply, and why."""

from collections.abc import Callable
from dataclasses import dataclass

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
