"""``Choice``: a game, method or experiment of a spec with its parameters, as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks import calls, files, plugins
from benchmarks.kinds import KINDS, Scale
from benchmarks.methods import METHODS, Methods
from results.frames import parameter_text
from results.rows import canonical

CROSSED = ("game", *(methods.kind for methods in METHODS.values()))
"""The kinds that experiments cross: games, and the methods of every scale."""


@dataclass(frozen=True)
class Choice:
    """A plugin of a kind and its parameters, as plain data."""

    kind: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> Scale:
        """The scale of its kind."""
        return KINDS[self.kind].scale

    @property
    def methods(self) -> Methods:
        """The methods of its scale, and the experiments on them."""
        return METHODS[self.scale]

    @property
    def settable(self) -> list[str]:
        """The parameters that the command line may set; of a method also shorthands for tau."""
        if self.kind == "game":
            return plugins.game_parameters(self.name, self.params)
        if self.kind in CROSSED:
            return self.methods.parameter_names(self.name)
        return list(self.methods.settable(self.name))

    def agrees(self, wanted: "Choice") -> bool:
        """Whether it has the name and, where given, the parameters; compared as printed."""
        return self.name == wanted.name and all(
            key in self.params and parameter_text(self.params[key]) == parameter_text(value)
            for key, value in wanted.params.items()
        )

    def is_around(self, wanted: "Choice") -> bool:
        """Whether one of its parameters is the wanted game."""
        inner = parameter_text({"name": wanted.name, **wanted.params})
        return self.kind == "game" and any(
            inner in (value, parameter_text(value)) for value in self.params.values()
        )

    def with_params(self, params: Mapping[str, Any]) -> "Choice":
        """The choice with those of the parameters that it has; tau or kl replaces every KL weight.

        Raises
        ------
        PrefgamesError
            If a value is wrong.
        """
        changes = {key: value for key, value in params.items() if key in self.settable}
        if not changes:
            return self
        dropped: set[str] = set()
        if self.kind in CROSSED and self.kind != "game" and changes.keys() & {"tau", "kl"}:
            dropped = {*self.methods.weights(self.name), "kl"}
        rest = {key: value for key, value in self.params.items() if key not in dropped}
        return replace(self, params={**rest, **changes}).checked()

    def checked(self) -> "Choice":
        """The choice, with KL weights written out, after its plugin has been made once.

        The parameters of a plugin from a file name its source (see ``files.with_source``).

        Raises
        ------
        PrefgamesError
            If its name, or the name or value of a parameter, is wrong.
        """
        if self.kind == "game":
            plugins.game(self.name, self.params, np.random.default_rng(0))
            return replace(self, params=files.with_source(self.kind, self.name, self.params))
        if self.kind in CROSSED:
            params = self.methods.with_weights(self.name, self.params)
            self.methods.make(self.name, params)
            return replace(self, params=params)
        self.methods.experiment(self.name, self.params)
        return self


def named(kind: str, text: str) -> Choice:
    """The choice of that name, with the parameters in it, or of the plugin in that file.

    Raises
    ------
    SpecError
        If the text cannot be read, or the file is of no use.
    """
    name, params = calls.parse(text)
    if kind == "game":
        return Choice(kind, files.registered(kind, name), params)
    return Choice(kind, METHODS[KINDS[kind].scale].named(name), params)


def distinct(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """The choices without repetitions, in order."""
    return tuple({(c.kind, c.name, canonical(c.params)): c for c in choices}.values())
