"""The contract of estimators: every one keeps it, and each check fails just where it should."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.check import check
from benchmarks.conformance.estimator import CHECKS, run
from benchmarks.conformance.outcome import Outcome
from games import Comparisons, GameError, PreferenceGame
from games.certificate import Certificate, Reasons
from games.estimation import ESTIMATORS, Estimator, Fit
from games.estimation.table import Table
from games.game import Float


def failed(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.name: each.reason for each in outcomes if each.passed is False}


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_every_estimator_keeps_the_contract(name: str) -> None:
    outcomes = check(name, "estimator")
    assert failed(outcomes) == {}
    applied = {each.name for each in outcomes if each.passed}
    missing = {each.__name__ for each in CHECKS} - applied
    assert missing == ({"ties"} if name == "mixture" else set())


@dataclass(frozen=True)
class Plain(Estimator):
    """The table, to be broken."""

    paper: ClassVar[str] = "unpublished"

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        return P

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        fit = Table().fitted(comparisons)
        P = self.changed(np.array(fit.game.P), comparisons)
        return replace(fit, game=PreferenceGame(P, pairs=comparisons.pairs, names=fit.game.names))


@dataclass(frozen=True)
class Transposed(Plain):
    """Prefers what loses."""

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        return np.swapaxes(P, -1, -2)


@dataclass(frozen=True)
class Guess(Plain):
    """Learns nothing."""

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        return np.full_like(P, 0.5)


@dataclass(frozen=True)
class Sure(Plain):
    """Takes the majority of what it was given for certain."""

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        return np.where(comparisons.wins[..., :1, :1] < 9, (1 + np.sign(P - 0.5)) / 2, P)


@dataclass(frozen=True)
class Favours(Plain):
    """Likes what stands first."""

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        bonus = 0.01 * (np.arange(P.shape[-1]) == 0)
        return np.asarray(P + np.minimum(P, 1 - P) * (bonus[:, None] - bonus[None, :]))


@dataclass(frozen=True)
class AcrossContexts(Plain):
    """Shrinks by how much was compared in other contexts."""

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        return np.asarray(0.5 + (P - 0.5) * (1 - 1e-3 / len(P)))


@dataclass(frozen=True)
class DropsTies(Plain):
    """Does not count ties."""

    def changed(self, P: Float, comparisons: Comparisons) -> Float:
        return np.asarray(Table().fit(Comparisons(comparisons.wins)).P)


@dataclass(frozen=True)
class DrawsUnsaid(Plain):
    """Uses a generator that it did not ask for."""

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        if rng is not None:
            rng.random()
        return super().compute(comparisons, rng)


@dataclass(frozen=True)
class Nameless(Plain):
    """Loses the names."""

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        fit = super().compute(comparisons, rng)
        return replace(fit, game=PreferenceGame(fit.game.P, pairs=comparisons.pairs))


@dataclass(frozen=True)
class Weightless(Plain):
    """Loses the counts."""

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        fit = super().compute(comparisons, rng)
        return replace(fit, game=PreferenceGame(fit.game.P, names=comparisons.names))


@dataclass(frozen=True)
class Unsettled(Plain):
    """Ends far from where it should."""

    def compute(self, comparisons: Comparisons, rng: np.random.Generator | None) -> Fit:
        fit = super().compute(comparisons, rng)
        return replace(fit, certificate=Certificate("stationarity", np.ones(fit.game.batch), 0.1))


@dataclass(frozen=True)
class NeverUndefined(Plain):
    """Says that it has a fit where nothing was compared."""

    def undefined(self, comparisons: Comparisons) -> Reasons:
        return np.full(comparisons.wins.shape[:-2], "")


class Melting(Plain):
    """Is no dataclass."""


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        (Transposed, {"truth": "the mean error", "held_out": "no better than a guess"}),
        (Guess, {"truth": "the mean error", "held_out": "no better than a guess"}),
        (Sure, {"truth": "the mean error", "held_out": "add a prior"}),
        (Favours, {"relabelling": "another order: P differs by"}),
        (AcrossContexts, {"contexts": "together and one by one"}),
        (DropsTies, {"ties": "ties and half wins"}),
        (DrawsUnsaid, {"purity": "says that it does not draw"}),
        (Nameless, {"game": "its names are"}),
        (Weightless, {"game": "give pairs=comparisons.pairs"}),
        (Unsettled, {"certificate": "stationarity is off by 1"}),
        (NeverUndefined, {"unseen": "call super().undefined"}),
        (Melting, {"claims": "not a frozen dataclass"}),
    ],
)
def test_a_broken_estimator_fails_just_that_check(kind: Any, reasons: dict[str, str]) -> None:
    failures = failed(run(kind))
    del failures["name"]  # the module is this one
    assert list(failures) == list(reasons)
    for name, reason in reasons.items():
        assert reason in failures[name]


def test_the_plain_table_breaks_no_law_but_that_of_names() -> None:
    assert list(failed(run(Plain))) == ["name"]


def test_a_parameter_without_a_default_is_named() -> None:
    @dataclass(frozen=True)
    class Demanding(Plain):
        prior: float = -1.0

        def __post_init__(self) -> None:
            raise GameError("Demanding: prior is missing")

    outcomes = run(Demanding)
    assert outcomes[-1].name == "defaults"
    assert "prior is missing" in outcomes[-1].reason
