"""The contract of experiments: every one keeps it, and each check fails just where it should."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from benchmarks.conformance import experiment as contract
from benchmarks.conformance.outcome import Outcome
from games import PreferenceGame
from solvers import Solver
from tabular import EXPERIMENTS, Experiment, Measurement
from tabular.experiment import RngFor, each


def failed(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.name: each.reason for each in outcomes if each.passed is False}


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_tabular_experiment_keeps_the_contract(name: str) -> None:
    outcomes = contract.run(EXPERIMENTS[name], name)
    assert failed(outcomes) == {}
    assert {o.name for o in outcomes if o.passed is None} <= {"contexts", "relabelling"}


@dataclass(frozen=True)
class Good(Experiment):
    """The probability of every answer."""

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield one row an answer and context."""
        solution = solver.solve(game, rng_for("solver"))
        for k, name in enumerate(game.names):
            value = self.changed(solution.policy[..., k], game, rng_for)
            yield from each(self.metric, value, game, solution, **self.label(k, name))

    metric = "probability"

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return value

    def label(self, k: int, name: str) -> dict[str, Any]:
        return {"action": name}


@dataclass(frozen=True)
class Undeclared(Good):
    """A metric that the table lacks."""

    metric = "likelihood"


@dataclass(frozen=True)
class Excessive(Good):
    """Values above 1."""

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return 2 + value


@dataclass(frozen=True)
class Silent(Good):
    """NaN without a reason."""

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        yield Measurement("probability", np.nan)


@dataclass(frozen=True)
class Secretive(Good):
    """Draws data although ``draws`` is False."""

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return value * rng_for("data").random()


@dataclass(frozen=True)
class Restless(Good):
    """Another number at each call."""

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return value * np.random.default_rng().random()


@dataclass(frozen=True)
class Gambler(Good):
    """Uses the solver's generator for numbers of its own."""

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return value * rng_for("solver").random()


@dataclass(frozen=True)
class Boastful(Good):
    """Says that it draws."""

    @property
    def draws(self) -> bool:
        return True


@dataclass(frozen=True)
class Relative(Good):
    """Values that depend on the other contexts."""

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return value - np.mean(value) + 0.5 if game.batch else value


@dataclass(frozen=True)
class Positional(Good):
    """Labels that are positions."""

    def label(self, k: int, name: str) -> dict[str, Any]:
        return {"action": k}


@dataclass(frozen=True)
class Narrow(Good):
    """Needs three answers."""

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        return value + 0 * game.P[..., 2, 0]


@dataclass(frozen=True)
class Counting(Good):
    """Remembers what it measured."""

    calls: list[int] = field(default_factory=list)

    def changed(self, value: Any, game: PreferenceGame, rng_for: RngFor) -> Any:
        self.calls.append(1)
        return value


@dataclass(frozen=True)
class Mute(Good):
    """Yields nothing."""

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        yield from ()


class Demanding(Good):
    """Has a parameter without a default, and is no dataclass."""

    def __init__(self, size: int) -> None:
        self.size = size


def test_a_good_one_passes_every_check() -> None:
    outcomes = contract.run(Good, "good")
    assert [o.name for o in outcomes] == ["name", *(check.__name__ for check in contract.CHECKS)]
    assert all(o.passed for o in outcomes), outcomes


@pytest.mark.parametrize(
    ("kind", "check", "reason"),
    [
        (Undeclared, "rows", "'likelihood' is not in results/metrics.py"),
        (Excessive, "rows", r"outside \[0.0, 1.0\]"),
        (Silent, "rows", "NaN with status 'ok'; say why"),
        (Secretive, "rows", "draws 'data' but its `draws` is False"),
        (Restless, "seeds", "two runs with the same generators"),
        (Gambler, "seeds", "other generators give other rows, but `draws` is False"),
        (Boastful, "seeds", "`draws` is True, but"),
        (Relative, "contexts", "context 0 among others and alone, RlhfExact"),
        (Positional, "relabelling", "two orders of the answers, RlhfExact"),
        (Narrow, "edges", "one answer, RlhfExact: raises IndexError"),
        (Counting, "purity", "changes the game or the experiment"),
        (Mute, "rows", "yields nothing"),
        (Demanding, "name", "not a frozen dataclass"),
        (Demanding, "defaults", "every parameter needs a default"),
    ],
)
def test_a_broken_experiment_fails_the_check(
    kind: type[Experiment], check: str, reason: str
) -> None:
    outcomes = {o.name: o for o in contract.run(kind, kind.__name__.lower())}
    assert outcomes[check].passed is False
    assert re.search(reason, outcomes[check].reason), outcomes[check].reason


def test_one_broken_law_is_one_failed_check() -> None:
    for kind, check in ((Boastful, "seeds"), (Positional, "relabelling"), (Narrow, "edges")):
        assert list(failed(contract.run(kind, kind.__name__.lower()))) == [check]
