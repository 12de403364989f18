"""Errors that a user can cause; each says who, what is wrong, what was expected and the repair."""

from typing import Any


class PrefgamesError(ValueError):
    """Base of the errors below; the command line prints it as one line and exits with 2."""


class GameError(PrefgamesError):
    """A game or its data is malformed."""


class SpecError(PrefgamesError):
    """A benchmark spec, a plugin name or an option is wrong."""


class SolverError(PrefgamesError):
    """A solver cannot be run on this game with these parameters."""


class UndefinedError(SolverError):
    """The answer does not exist in some contexts, e.g. an infinite Bradley-Terry maximum.

    Attributes
    ----------
    contexts : bool array, shape (...)
        Where it does not exist; the other contexts can be solved on their own.
    """

    def __init__(self, message: str, contexts: Any) -> None:
        super().__init__(message)
        self.contexts = contexts
