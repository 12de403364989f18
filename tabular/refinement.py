"""What does asking again buy?

Expected (Pasztor et al. 2025, arXiv:2512.16626, Sec. 4, as reported in notes on the paper): on the
symmetric three-cycle a user has received its favourite after N = 1, 2, 3 answers with probability
1/3, 5/9, 19/27 by independent draws from the Nash policy and 1/3, 2/3, 1 by the Stackelberg
follower; the latter needs a sharp follower. Larger N or many good answers can reverse the order: a
follower chases one reply, independent draws do not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games import Population, PreferenceGame, SpecError
from games.game import Float
from games.measures import Mask
from solvers import Solution, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.experiment import Experiment, Measurement, RngFor, each


@dataclass(frozen=True)
class Refinement(Experiment):
    """N answers, drawn independently or each by the follower from the one before.

    Both spend N generations. With a population: the probability that a user type receives one of
    its favourites, and its expected best utility. For every game: whether a revision beats what
    it revises, for the solver's follower after each concept's leader at the same tau or, where the
    KL is matched, at the same KL.

    Attributes
    ----------
    n_answers : int >= 1
        Largest N.
    n_users : int >= 1, or None
        Simulated users, each with a type drawn from the shares, beside the exact numbers.

    Raises
    ------
    SpecError
        If a number is out of range.
    """

    n_answers: int = 5
    n_users: int | None = None

    def __post_init__(self) -> None:
        if self.n_answers < 1 or (self.n_users is not None and self.n_users < 1):
            raise SpecError(
                f"refinement: n_answers {self.n_answers} and n_users {self.n_users} must be >= 1"
            )

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn: only for simulated users."""
        return self.n_users is not None

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield exact numbers, then simulated users, then revisions of other leaders' answers."""
        solution = solver.solve(game, rng_for("solver"))
        replies = {"independent": np.repeat(solution.policy[..., None, :], game.n, axis=-2)}
        if solution.follower is not None:
            replies["refined"] = solution.follower
        if game.population is None:
            reason = "the game has no population"
            yield Measurement("seen_favourite", np.nan, status="skipped", message=reason)
        else:
            for how, reply in replies.items():
                yield from self._exact(game, game.population, solution, reply, how)
                yield from self._users(game, game.population, solution, reply, how, rng_for)
        reply = replies.get("refined", replies["independent"])
        yield from _revisions(game, solver, solution, reply)

    def _exact(
        self,
        game: PreferenceGame,
        people: Population,
        solution: Solution,
        reply: Float,
        how: str,
    ) -> Iterator[Measurement]:
        low = people.utilities.min(-1, keepdims=True)
        width = people.utilities.max(-1, keepdims=True) - low
        worth = (people.utilities - low) / np.where(width > 0, width, 1)
        start = solution.policy
        for N in range(1, self.n_answers + 1):
            missed = _stays(start, reply, ~people.favourites, N)
            best = _expected_best(start, reply, worth, N)
            labels: dict[str, Any] = {"n_answers": N, "how": how, "route": "exact"}
            for metric, value in (("seen_favourite", 1 - missed), ("best_utility", best)):
                for k in range(value.shape[-1]):
                    yield from each(metric, value[..., k], game, solution, type=k, **labels)
                mean = (people.shares * value).sum(-1)
                yield from each(metric, mean, game, solution, type="all", **labels)

    def _users(
        self,
        game: PreferenceGame,
        people: Population,
        solution: Solution,
        reply: Float,
        how: str,
        rng_for: RngFor,
    ) -> Iterator[Measurement]:
        """Share of simulated users that have received a favourite after 1, 2, ... answers."""
        if self.n_users is None:
            return
        rng = rng_for("data", "users", self.n_users)
        labels = {"type": "all", "how": how, "route": "simulated", "n_users": self.n_users}
        types = _draw(_repeat(people.shares, self.n_users), rng)
        liked = np.take_along_axis(people.favourites, types[..., None], axis=-2)
        current = _draw(_repeat(solution.policy, self.n_users), rng)
        satisfied = np.zeros(types.shape, dtype=bool)
        for N in range(1, self.n_answers + 1):
            satisfied |= np.take_along_axis(liked, current[..., None], axis=-1)[..., 0]
            share = satisfied.mean(-1)
            yield from each("seen_favourite", share, game, solution, n_answers=N, **labels)
            current = _draw(np.take_along_axis(reply, current[..., None], axis=-2), rng)


def _revisions(
    game: PreferenceGame, solver: Solver, solution: Solution, reply: Float
) -> Iterator[Measurement]:
    """Win rate of a reply over the answer that it revises, by who gave that answer."""
    win_rates = (np.swapaxes(game.P, -1, -2) * reply).sum(-1)
    rate = (game.ref * win_rates).sum(-1)
    yield from each("refinement_win_rate", rate, game, solution, leader="ref")
    for kind in (RlhfExact, NlhfExact, SlhfExact):
        leader = solver.counterpart(kind).solve(game)
        rate, labels = (leader.policy * win_rates).sum(-1), {"leader": kind.concept}
        yield from each("refinement_win_rate", rate, game, solution, leader.message, **labels)


def _repeat(p: Float, n_users: int) -> Float:
    """The same distribution for every user."""
    return np.repeat(p[..., None, :], n_users, axis=-2)


def _stays(start: Float, reply: Float, inside: Mask, N: int) -> Float:
    """Probability that N answers all lie ``inside``; shape of ``inside`` less its last axis."""
    now = start[..., None, :] * inside
    for _ in range(N - 1):
        now = (now @ reply) * inside
    return np.asarray(now.sum(-1))


def _expected_best(start: Float, reply: Float, worth: Float, N: int) -> Float:
    """E max of ``worth`` over N answers: sum of level times chance that it is the largest."""
    levels = np.sort(worth, axis=-1)
    total, below = np.zeros(worth.shape[:-1]), np.zeros(worth.shape[:-1])
    for k in range(levels.shape[-1]):
        level = levels[..., k]
        within = _stays(start, reply, worth <= level[..., None], N)
        total, below = total + level * (within - below), within
    return total


def _draw(p: Float, rng: np.random.Generator) -> NDArray[np.int64]:
    """One index from each distribution along the last axis; 0 where it is NaN."""
    u = rng.random((*p.shape[:-1], 1)) * p.sum(-1, keepdims=True)
    index = np.minimum((p.cumsum(-1) <= u).sum(-1), p.shape[-1] - 1)
    return np.asarray(index, dtype=np.int64)
