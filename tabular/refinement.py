"""What does asking again buy?

Expected (Pasztor et al. 2025, arXiv:2512.16626, Sec. 4, as reported in notes on the paper): on the
symmetric three-cycle a user has received its favourite after N = 1, 2, 3 answers with probability
1/3, 5/9, 19/27 by independent draws from the Nash policy and 1/3, 2/3, 1 by the Stackelberg
follower; the latter needs a sharp follower. Larger N or many good answers can reverse the order: a
follower chases one reply, independent draws do not. Not said there: three different draws from the
Nash policy reach everyone as well, as does the best set of three.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from games import Population, PreferenceGame, SpecError, measures
from games.game import Float
from solvers import Solution, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Reasons
from tabular.answer_sets import BestSets, WithoutReplacement
from tabular.answering import Chain, Reply, draw, repeat
from tabular.answering import replies as replies_of
from tabular.experiment import Experiment, Measurement, RngFor, each

_MOST_ORDERED = 12
_MOST_SETS = 5_000

_Way = Chain | WithoutReplacement | BestSets


@dataclass(frozen=True)
class Refinement(Experiment):
    """N answers of a method, in several ways at the same number of generations.

    independent: draws from the policy. refined: each answer is the follower's reply to the one
    before. revised, for a method without a follower: each is the policy's revision of the one
    before, with the tau_follower of SLHF at the same strength (``answering.revised``: a model of
    prompting, not a fact about it). without_replacement: draws from the policy, each answer at
    most once; up to 12 answers. best_set: the N answers that hold a favourite of most users,
    whatever the method, the bound of the probability that a user has seen its favourite for all
    the above, but not of the best utility; up to 5,000 sets.

    With a population: the probability that a user type receives one of its favourites, and its
    expected best utility. For every game: the quality of the first answer, and whether a reply
    beats what it revises, for each concept's leader at the same strength.

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
        """Yield what users get in every way, the first answer's quality, and revisions."""
        solution = solver.solve(game, rng_for("solver"))
        replies = replies_of(game, solver, solution)
        if game.population is None:
            reason = "the game has no population"
            yield Measurement("seen_favourite", np.nan, status="skipped", message=reason)
        else:
            for how, way in self._ways(game, game.population, solution, replies).items():
                if isinstance(way, str):
                    labels = {"how": how}
                    yield Measurement("seen_favourite", np.nan, None, labels, "skipped", way)
                    continue
                missing = replies[how].missing if how in replies else np.full(game.batch, "")
                answer = _always(solution) if how == "best_set" else solution
                asked = _Asked(game, game.population, answer, how, way, missing)
                yield from self._exact(asked)
                yield from self._users(asked, rng_for)
        yield from _first_answer(game, solution)
        yield from _revisions(game, solver, solution, replies)

    def _ways(
        self,
        game: PreferenceGame,
        people: Population,
        solution: Solution,
        replies: dict[str, Reply],
    ) -> dict[str, _Way | str]:
        """Each way to answer N times, or why it is not computed."""
        N = self.n_answers
        ways: dict[str, _Way | str] = {
            how: Chain(solution.policy, reply.table) for how, reply in replies.items()
        }
        if game.n <= _MOST_ORDERED:
            ways["without_replacement"] = WithoutReplacement(solution.log_policy, N)
        else:
            ways["without_replacement"] = (
                f"{game.n} answers; drawn without replacement exactly for at most {_MOST_ORDERED}"
            )
        sets = max(math.comb(game.n, size) for size in range(1, min(N, game.n) + 1))
        if sets <= _MOST_SETS:
            ways["best_set"] = BestSets(people, N)
        else:
            ways["best_set"] = f"{sets} sets of answers; at most {_MOST_SETS} are compared"
        return ways

    def _exact(self, asked: "_Asked") -> Iterator[Measurement]:
        people, way = asked.people, asked.way
        for N in range(1, self.n_answers + 1):
            labels: dict[str, Any] = {"n_answers": N, "how": asked.how, "route": "exact"}
            values = {
                "seen_favourite": 1 - way.stays(~people.favourites, N),
                "best_utility": _expected_best(way, people.scaled, N),
            }
            for metric, value in values.items():
                for k in range(value.shape[-1]):
                    yield from asked.each(metric, value[..., k], type=k, **labels)
                yield from asked.each(metric, (people.shares * value).sum(-1), type="all", **labels)

    def _users(self, asked: "_Asked", rng_for: RngFor) -> Iterator[Measurement]:
        """Share of simulated users that have received a favourite after 1, 2, ... answers."""
        if self.n_users is None:
            return
        people, rng = asked.people, rng_for("data", "users", self.n_users)
        labels = {"type": "all", "how": asked.how, "route": "simulated", "n_users": self.n_users}
        types = draw(repeat(people.shares, self.n_users), rng)
        liked = np.take_along_axis(people.favourites, types[..., None], axis=-2)
        for N, given in enumerate(asked.way.draws(rng, self.n_users, self.n_answers), 1):
            share = np.take_along_axis(liked, given, axis=-1).any(-1).mean(-1)
            yield from asked.each("seen_favourite", share, n_answers=N, **labels)


@dataclass(frozen=True)
class _Asked:
    """The users of a game who are answered N times in one way."""

    game: PreferenceGame
    people: Population
    solution: Solution
    how: str
    way: _Way
    missing: Reasons

    def each(self, metric: str, value: Float, **labels: Any) -> Iterator[Measurement]:
        """One measurement a context; undefined where there is no such way."""
        value = np.where(self.missing == "", value, np.nan)
        yield from each(metric, value, self.game, self.solution, self.missing, **labels)


def _always(solution: Solution) -> Solution:
    """The solution as one that exists everywhere: what is measured does not depend on it."""
    status, message = np.full(solution.status.shape, "ok"), np.full(solution.status.shape, "")
    return replace(solution, status=status, message=message)


def _first_answer(game: PreferenceGame, solution: Solution) -> Iterator[Measurement]:
    """What a single answer is worth, before anything is asked again."""
    policy = solution.policy
    values = {
        "win_rate_over_ref": measures.win_rate(game, policy, game.ref),
        "duality_gap": measures.duality_gap(game, policy),
        "leader_value": measures.leader_value(game, policy),
    }
    for metric, value in values.items():
        yield from each(metric, value, game, solution)


def _revisions(
    game: PreferenceGame, solver: Solver, solution: Solution, replies: dict[str, Reply]
) -> Iterator[Measurement]:
    """Win rate of a reply over the answer that it revises, by who gave that answer."""
    kinds = (RlhfExact, NlhfExact, SlhfExact)
    leaders = {kind.concept: solver.counterpart(kind).solve(game) for kind in kinds}
    for how, reply in replies.items():
        if how == "independent" and "refined" in replies:
            continue
        labels = {"how": how} if how == "revised" else {}
        win_rates = (np.swapaxes(game.P, -1, -2) * reply.table).sum(-1)
        rate = (game.ref * win_rates).sum(-1)
        against = reply.missing
        yield from each(
            "refinement_win_rate", rate, game, solution, against, leader="ref", **labels
        )
        for concept, leader in leaders.items():
            rate = (leader.policy * win_rates).sum(-1)
            against = np.where(reply.missing == "", leader.message, reply.missing)
            yield from each(
                "refinement_win_rate", rate, game, solution, against, leader=concept, **labels
            )


def _expected_best(way: _Way, worth: Float, N: int) -> Float:
    """E max of ``worth`` (..., k, n) over N answers: levels times chances to be the largest."""
    levels = np.sort(worth, axis=-1)
    total, below = np.zeros(worth.shape[:-1]), np.zeros(worth.shape[:-1])
    for k in range(levels.shape[-1]):
        level = levels[..., k]
        within = way.stays(worth <= level[..., None], N)
        total, below = total + level * (within - below), within
    return total
