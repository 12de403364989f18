"""The contract battery: every solver passes it, and each check fails just where it should."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from games import GAMES, GameError, PreferenceGame
from games.game import Float, Known
from solvers import ALIASES, SOLVERS, Solver, battery, game_battery
from solvers.aliases import resolve
from solvers.battery import Outcome
from solvers.discovery import camel_case
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Certificate, Concept, Solution


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


# A good solver, and one that breaks each law


@dataclass(frozen=True)
class Good(IterativeSolver):
    """Mirror descent in self-play."""

    tau: float = 0.1
    eta: float = 0.3
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "unpublished"

    def target(self, game: PreferenceGame) -> Solution:
        return NlhfExact(self.tau).solve(game)

    def rates(self, game: PreferenceGame, policy: Float) -> Float:
        return game.win_rates(policy)

    def step(self, game: PreferenceGame, state: Any, rng: np.random.Generator | None) -> Any:
        keep = 1 - self.eta * self.tau
        rates = self.rates(game, self.policy(state))
        return keep * state + (1 - keep) * game.log_ref + self.eta * rates


@dataclass(frozen=True)
class Unnormalised(Good):
    """Sums to 1 + 1e-9."""

    def policy(self, state: Any) -> Float:
        return np.asarray(super().policy(state) * (1 + 1e-9))


@dataclass(frozen=True)
class FollowerOff(Good):
    """Its follower's rows do not sum to 1."""

    def follower(self, state: Any) -> Float:
        return np.ones((*state.shape, state.shape[-1]))


@dataclass(frozen=True)
class InPlace(Good):
    """Counts its steps in place."""

    def init(self, game: PreferenceGame, rng: Any) -> Any:
        return game.log_ref, np.zeros(1, dtype=game.ref.dtype)

    def step(self, game: PreferenceGame, state: Any, rng: Any) -> Any:
        state[1][:] += 1
        return super().step(game, state[0], rng), state[1]

    def policy(self, state: Any) -> Float:
        return super().policy(state[0] if isinstance(state, tuple) else state)


@dataclass(frozen=True)
class Remembers(Good):
    """Keeps a count outside its state."""

    calls: list[int] = field(default_factory=list, compare=False)

    def rates(self, game: PreferenceGame, policy: Float) -> Float:
        self.calls.append(0)
        nudge = 1e-14 * (len(self.calls) % 2)
        return np.asarray(super().rates(game, policy) + nudge * game.log_ref)


@dataclass(frozen=True)
class SameSeed(Good):
    """Says that it draws, and does not."""

    @property
    def draws(self) -> bool:
        return True


@dataclass(frozen=True)
class DrawsUnsaid(Good):
    """Uses the generator where there is one, and does not say so."""

    def step(self, game: PreferenceGame, state: Any, rng: np.random.Generator | None) -> Any:
        noise = rng.normal() if rng else 0
        return super().step(game, state, rng) + noise


@dataclass(frozen=True)
class AcrossContexts(Good):
    """Its step size depends on the other contexts."""

    def step(self, game: PreferenceGame, state: Any, rng: Any) -> Any:
        pace = 1 - 0.1 * self.policy(state).max()
        return state + pace * (super().step(game, state, rng) - state)


@dataclass(frozen=True)
class Favours(Good):
    """Answers have step sizes of their own."""

    def step(self, game: PreferenceGame, state: Any, rng: Any) -> Any:
        pace = np.linspace(0.8, 1, game.n, dtype=game.ref.dtype)
        return state + pace * (super().step(game, state, rng) - state)


@dataclass(frozen=True)
class Transposed(Good):
    """Prefers what loses."""

    def rates(self, game: PreferenceGame, policy: Float) -> Float:
        return 1 - super().rates(game, policy)


@dataclass(frozen=True)
class TooEarly(Good):
    """Its target is where it starts."""

    def target(self, game: PreferenceGame) -> Solution:
        return Solution(game.log_ref, Certificate("none", np.zeros(game.batch), 0))


@dataclass(frozen=True)
class Biased(Good):
    """Its target belongs to another tau."""

    def target(self, game: PreferenceGame) -> Solution:
        return NlhfExact(self.tau * 1.001).solve(game)


@dataclass(frozen=True)
class Cycles(Good):
    """Steps so large that it never settles."""

    eta: float = 9.0


@dataclass(frozen=True)
class Upcast(Good):
    """Holds a constant in double precision."""

    def rates(self, game: PreferenceGame, policy: Float) -> Float:
        return super().rates(game, policy) * np.ones(game.n)


@dataclass(frozen=True)
class Coarse(Good):
    """Loses digits in single precision only."""

    def rates(self, game: PreferenceGame, policy: Float) -> Float:
        lost = 1e-4 * (game.ref.dtype == np.float32)
        return super().rates(game, policy) * (1 - lost * np.arange(game.n, dtype=game.ref.dtype))


@dataclass(frozen=True)
class Lonely(Good):
    """Divides by the number of other answers."""

    def rates(self, game: PreferenceGame, policy: Float) -> Float:
        others = np.full_like(policy, game.n - 1)
        return super().rates(game, policy) * others / others


@dataclass(frozen=True)
class Unpicklable(Good):
    """Holds a function that no other process has."""

    act: Callable[[Any], Any] = lambda x: x


@dataclass(frozen=True)
class NoPaper(Good):
    """From nowhere."""

    paper: ClassVar[str] = " "


@dataclass(frozen=True)
class OddClaim(Good):
    """Claims an iterate that there is not."""

    iterate: ClassVar[Any] = "first"


class NotADataclass(Good):
    """Inherits being one, but is none itself."""


@dataclass(frozen=True)
class Unexplained(Good):
    pass


@dataclass(frozen=True)
class NoDefault(Good):
    """A parameter that must be given."""

    gamma: float = field(kw_only=True)


@dataclass(frozen=True)
class Sampled(Good):
    """Sampled opponents, rightly."""

    samples: int = 0

    @property
    def draws(self) -> bool:
        return self.samples > 0

    def step(self, game: PreferenceGame, state: Any, rng: np.random.Generator | None) -> Any:
        keep = 1 - self.eta * self.tau
        rates = self.rates(game, self.policy(state))
        if self.draws and rng is not None:
            rates = self.sample(rates, rng)
        return keep * state + (1 - keep) * game.log_ref + self.eta * rates

    def sample(self, rates: Float, rng: np.random.Generator) -> Float:
        return np.asarray(rng.binomial(self.samples, np.clip(rates, 0, 1)) / self.samples)


@dataclass(frozen=True)
class SampledBackwards(Sampled):
    """Sampled labels the wrong way round."""

    def sample(self, rates: Float, rng: np.random.Generator) -> Float:
        return 1 - super().sample(rates, rng)


@dataclass(frozen=True)
class SampledOff(Sampled):
    """Negative probabilities, only when it draws."""

    def policy(self, state: Any) -> Float:
        p = super().policy(state)
        return np.asarray(p - self.draws * 1e-9)


@dataclass(frozen=True)
class Loose(NlhfExact):
    """An exact solver whose certificate does not hold."""

    concept: ClassVar[Concept] = "nlhf"

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        found = super().solve(game)
        worse = Certificate("a law", np.full(game.batch, 1e-3), 1e-9)
        return Solution(found.log_policy, worse)


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
        ("test_battery", "the class is called Good, expected TestBattery"),
        ("other", "registered as 'other' but the module is called 'test_battery'"),
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


# aliases


def random_game() -> PreferenceGame:
    P = [[0.5, 0.8, 0.3], [0.2, 0.5, 0.9], [0.7, 0.1, 0.5]]
    return PreferenceGame(P, [0.15, 0.15, 0.7])


def normalised(weights: Float) -> Float:
    return np.asarray(weights / weights.sum())


def dno(game: PreferenceGame, pi: Float, eta: float) -> Float:
    """arXiv:2404.03715: the minimiser of the cross-entropy of sigma((log-ratio difference) / eta)
    against sigma(reward difference): pi exp(eta r) with r = P(y > pi)."""
    return normalised(pi * np.exp(eta * (game.P @ pi)))


def mmd(game: PreferenceGame, pi: Float, alpha: float, eta: float) -> Float:
    """arXiv:2206.05825, Eq. for the closed form with negative entropy: the magnet is ref."""
    power = 1 / (1 + eta * alpha)
    return normalised((pi * game.ref ** (eta * alpha) * np.exp(eta * (game.P @ pi))) ** power)


def wind(game: PreferenceGame, pi: Float, beta: float, eta: float) -> Float:
    """arXiv:2410.20727: log pi' = (log pi + eta beta log ref + eta P pi) / (1 + eta beta)."""
    logits = np.log(pi) + eta * beta * np.log(game.ref) + eta * (game.P @ pi)
    return normalised(np.exp(logits / (1 + eta * beta)))


def nash_mirror_prox(game: PreferenceGame, pi: Float, beta: float, eta: float) -> Float:
    def proximal(opponent: Float) -> Float:
        logits = np.log(pi) + eta * (beta * np.log(game.ref) + game.P @ opponent)
        p = np.exp(logits / (1 + eta * beta))
        return np.asarray(p / p.sum())

    return proximal(proximal(pi))


def omd(game: PreferenceGame, pi: Float, tau: float, eta: float) -> Float:
    p = pi ** (1 - eta * tau) * game.ref ** (eta * tau) * np.exp(eta * game.P @ pi)
    return np.asarray(p / p.sum())


WITH_MEMORY = {"onpo", "comal_inpo"}
"""Their updates carry a second sequence: tested with omwu and with mpo."""

UPDATES: dict[str, tuple[Callable[..., Float], dict[str, float]]] = {
    "dno": (dno, {"eta": 0.7}),
    "mmd": (mmd, {"alpha": 0.15, "eta": 0.6}),
    "nash_mirror_prox": (nash_mirror_prox, {"beta": 0.2, "eta": 1.1}),
    "omd": (omd, {"tau": 0.2, "eta": 0.9}),
    "rebel_self_play": (dno, {"eta": 0.4}),
    "wind": (wind, {"beta": 0.25, "eta": 1.3}),
}


def test_every_alias_has_its_update_written_out() -> None:
    assert set(ALIASES) == set(UPDATES) | WITH_MEMORY


@pytest.mark.parametrize("name", sorted(UPDATES))
def test_an_alias_has_the_update_of_its_own_paper(name: str) -> None:
    update, params = UPDATES[name]
    game = random_game()
    solver_name, mapped = resolve(name, params)
    solver = SOLVERS[solver_name](**mapped)
    assert isinstance(solver, IterativeSolver)
    state = solver.init(game, None)
    pi = game.ref
    for _ in range(5):
        state = solver.step(game, state, None)
        pi = update(game, pi, **params)
        np.testing.assert_allclose(solver.policy(state), pi, rtol=0, atol=1e-14)
    assert abs(pi - game.ref).max() > 0.05


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_an_alias_is_run_once_and_gives_the_same_trajectory(name: str) -> None:
    alias = ALIASES[name]
    assert alias.name == name
    assert name not in SOLVERS
    assert alias.solver in SOLVERS
    assert alias.paper.strip()
    assert "\n" not in alias.why
    solver_name, params = resolve(name, {"max_steps": 30, "tol": 0.0})
    assert solver_name == alias.solver
    ours = SOLVERS[solver_name](**params).solve(random_game())
    theirs = SOLVERS[alias.solver](max_steps=30, tol=0.0, **alias.params()).solve(random_game())
    assert ours.trace is not None
    assert theirs.trace is not None
    np.testing.assert_array_equal(ours.trace.policies, theirs.trace.policies)


# the registry, and games in single precision


def test_every_file_with_a_solver_is_registered() -> None:
    folder = Path(battery.__file__).parent
    named = {
        path.stem: f"class {camel_case(path.stem)}("
        for path in folder.glob("*.py")
        if path.stem not in ("solver", "iterative")
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
