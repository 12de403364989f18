"""Errors that a user can cause; each names who, what is wrong, what was expected, the repair."""


class PrefgamesError(ValueError):
    """Base of the errors below; the command line prints it as one line and exits with 2."""


class GameError(PrefgamesError):
    """A game or its data is malformed."""


class SpecError(PrefgamesError):
    """A benchmark spec, a plugin name or an option is wrong."""


class SolverError(PrefgamesError):
    """A solver cannot be run on this game with these parameters."""
