"""The contract battery: every solver passes it, and each check fails just where it should."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from games import GAMES, GameError, PreferenceGame
from games.game import Known
from solvers import SOLVERS, Solver, battery, game_battery
from solvers.battery import Outcome
from solvers.discovery import camel_case
from tests.broken_solvers import (
    AcrossContexts,
    Biased,
    Coarse,
    Cycles,
    DrawsUnsaid,
    Favours,
    FollowerOff,
    Good,
    InPlace,
    Lonely,
    Loose,
    NoDefault,
    NoPaper,
    NotADataclass,
    OddClaim,
    Remembers,
    SameSeed,
    Sampled,
    SampledBackwards,
    SampledOff,
    TooEarly,
    Transposed,
    Unexplained,
    Unnormalised,
    Unpicklable,
    Upcast,
)


def failed(outcomes: list[Outcome]) -> dict[str, str]:
    return {found.name: found.reason for found in outcomes if found.passed is False}


@pytest.mark.parametrize("name", sorted(SOLVERS))
def test_every_solver_keeps_the_contract(name: str) -> None:
    outcomes = battery.run(SOLVERS[name], name)
    assert failed(outcomes) == {}
    assert sum(found.passed is True for found in outcomes) >= 8


@pytest.mark.parametrize("name", sorted(GAMES))
def test_every_game_keeps_the_contract(name: str) -> None:
    outcomes = game_battery.run(GAMES[name], name, SOLVERS)
    assert failed(outcomes) == {}


@pytest.mark.parametrize(
    ("kind", "check", "reason"),
    [
        (Unnormalised, "simplex", "sums to 1 only within 1e-09"),
        (InPlace, "purity", "changes the state"),
        (Remembers, "purity", "two results"),
        (DrawsUnsaid, "seeds", "draws from rng although"),
        (SameSeed, "seeds", "another seed gives the same answer"),
        (AcrossContexts, "contexts", "alone and among others"),
        (Favours, "relabelling", "another order"),
        (Transposed, "target", "expected <= 1e-06"),
        (TooEarly, "target", "already there at the start"),
        (Biased, "target", "expected <= 1e-06"),
        (Cycles, "target", "after 4000 steps the distances"),
        (Upcast, "float32", "holds float64"),
        (Coarse, "float32", "float32 and float64 differ by"),
        (Lonely, "edges", "one answer: the policy has entries that are not finite"),
        (Unpicklable, "pickling", "lambda"),
        (NoPaper, "claims", "paper is empty"),
        (OddClaim, "claims", "iterate is 'first'"),
        (NotADataclass, "claims", "not a frozen dataclass"),
        (Unexplained, "claims", "no docstring"),
        (NoDefault, "defaults", "every parameter needs a default"),
        (SampledBackwards, "target [samples=4096]", "sampled"),
        (SampledOff, "simplex [samples=4096]", "sums to 1 only within"),
        (Loose, "target", "a law: residual 0.001, allowed 1e-09"),
    ],
)
def test_a_broken_solver_fails_just_there(kind: type[Solver], check: str, reason: str) -> None:
    found = failed(battery.run(kind))
    found.pop("name")  # these classes do not live in modules of their own
    assert list(found) == [check]
    assert reason in found[check]


@pytest.mark.parametrize("kind", [Good, Sampled])
def test_a_good_solver_passes(kind: type[Solver]) -> None:
    outcomes = battery.run(kind)
    assert set(failed(outcomes)) == {"name"}
    assert sum(found.passed is True for found in outcomes) == 10 + 5 * (kind is Sampled)


def test_a_follower_must_be_one() -> None:
    found = failed(battery.run(FollowerOff))
    assert "the follower sums to 1 only within" in found["simplex"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken_solvers", "the class is called Good, expected BrokenSolvers"),
        ("other", "registered as 'other' but the module is called 'broken_solvers'"),
        ("Good", "not of the form my_method"),
    ],
)
def test_names_agree(name: str, reason: str) -> None:
    assert reason in failed(battery.run(Good, name))["name"]


# games


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
def test_a_broken_game_fails_just_there(
    make: Callable[..., PreferenceGame], check: str, reason: str
) -> None:
    found = failed(game_battery.run(make, make.__name__, SOLVERS))
    assert list(found) == [check]
    assert reason in found[check]


# the registry, and games in single precision


def test_every_file_with_a_solver_is_registered() -> None:
    folder = Path(battery.__file__).parent
    named = {
        path.stem: f"class {camel_case(path.stem)}("
        for path in folder.glob("*.py")
        if path.stem not in ("solver", "iterative", "mirror_descent", "dataset_fit")
    }
    found = {name for name, line in named.items() if line in (folder / f"{name}.py").read_text()}
    assert found == set(SOLVERS)


def test_a_game_in_single_precision_is_the_same_game() -> None:
    P, rows = [[0.5, 0.7], [0.3, 0.5]], [[0.2, 0.8], [0.6, 0.4]]
    game = PreferenceGame(P, [0.9, 0.1], rows, [[0, 3], [3, 0]], names=["a", "b"])
    single = game.astype(np.float32)
    assert (single.names, single.n, single.batch) == (game.names, game.n, game.batch)
    uniform = PreferenceGame(P).astype(np.float32)
    found = [single.P, single.ref, single.ref_follower, single.pairs, uniform.pair_weights]
    found += [single.log_ref, single.rows(0), single.log_ref_follower(slice(None))]
    found += [single.win_rates(single.ref)]
    assert {np.asarray(array).dtype for array in found} == {np.dtype(np.float32)}
    for name, array in game.arrays().items():
        np.testing.assert_allclose(single.arrays()[name], array, rtol=1e-7)
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            single.arrays()[name][...] = 0
    with pytest.raises(GameError, match=r"sums to 0\.99999"):
        single.at(())
