"""A good solver, and solvers that break one law each."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from games import PreferenceGame
from games.game import Float
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.sampling import NO_DRAWS
from solvers.solver import Certificate, Concept, Solution


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

    def step(self, game: PreferenceGame, state: Any, rng: np.random.Generator) -> Any:
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
    """Uses the generator that it is given, and does not say so."""

    def step(self, game: PreferenceGame, state: Any, rng: np.random.Generator) -> Any:
        noise = 0 if rng is NO_DRAWS else rng.normal()
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

    def step(self, game: PreferenceGame, state: Any, rng: np.random.Generator) -> Any:
        keep = 1 - self.eta * self.tau
        rates = self.rates(game, self.policy(state))
        if self.draws:
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
        worse = Certificate("a law", np.full(game.batch, 1e-3), 1e-9)
        return Solution(super().solve(game).log_policy, worse)


@dataclass(frozen=True)
class Slow(Good):
    """So slow that it is .02 from its target when the steps are over."""

    eta: float = 0.008


@dataclass(frozen=True)
class NanPolicy(NlhfExact):
    """Says ok, and has no answer where three answers were compared unequally often."""

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        solution = super().solve(game)
        if game.n != 3 or game.pairs is None:
            return solution
        return Solution(np.full(game.ref.shape, np.nan), solution.certificate)


@dataclass(frozen=True)
class GivesNoReason(NlhfExact):
    """Calls answers undefined without a reason, for the same games as ``NanPolicy``."""

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        solution = super().solve(game)
        if game.n != 3 or game.pairs is None:
            return solution
        nothing = np.full(game.ref.shape, np.nan)
        return replace(solution, log_policy=nothing, status=np.full(game.batch, "undefined"))
