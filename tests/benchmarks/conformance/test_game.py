"""The contract of games: every one keeps it, and each check fails just where it should."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.conformance.game import run
from benchmarks.conformance.outcome import Outcome
from games import GAMES, PreferenceGame
from games.game import Known


def failed(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.name: each.reason for each in outcomes if each.passed is False}


@pytest.mark.parametrize("name", sorted(GAMES))
def test_every_game_keeps_the_contract(name: str) -> None:
    outcomes = run(GAMES[name], name)
    assert failed(outcomes) == {}


def off_target() -> PreferenceGame:
    """Knows a wrong answer."""
    return PreferenceGame([[0.5, 0.6], [0.4, 0.5]], known=[Known("nlhf_exact", {}, [0, 1], "no")])


def restless() -> PreferenceGame:
    """Draws without saying so."""
    p = float(np.random.default_rng().uniform())
    return PreferenceGame([[0.5, p], [1 - p, 0.5]])


def no_game() -> Any:
    """Something else."""
    return [[0.5]]


def deaf(*, rng: np.random.Generator) -> PreferenceGame:
    """Asks for rng in vain."""
    return PreferenceGame([[0.5]])


@pytest.mark.parametrize(
    ("make", "check", "reason"),
    [
        (off_target, "known", "nlhf_exact {} is off by"),
        (restless, "seeds", "two calls"),
        (no_game, "made", "returns list"),
        (deaf, "seeds", "another seed gives the same game"),
    ],
)
def test_a_broken_game_fails_just_that_check(
    make: Callable[..., PreferenceGame], check: str, reason: str
) -> None:
    failures = failed(run(make, make.__name__))
    assert list(failures) == [check]
    assert reason in failures[check]
