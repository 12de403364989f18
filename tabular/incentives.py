"""What does a group of annotators gain if it reports a ranking that is not its own?

Expected: every deterministic rule that is onto can be manipulated (Gibbard 1973; Satterthwaite
1975), a random dictator cannot. Strategic reports in preference learning: arXiv:2405.16276
(recalled, not checked).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from games import Population, PreferenceGame, SpecError
from games.population import every_order, majority, makes
from solvers import Solution, Solver
from tabular.experiment import Experiment, Measurement, RngFor

_TRUTHFUL = 1e-9
_MOST_ANSWERS = 5


@dataclass(frozen=True)
class Incentives(Experiment):
    """The largest gain of each user type, all of which reports as one, over telling the truth.

    Every ranking of the answers is tried. The types' majorities with the false report make the
    preferences that the solver sees, at its own strength (the same tau, or the same KL), and the
    gain is in the type's true utility, scaled to [0, 1] over the answers. Telling the truth is
    always possible, so no gain is negative. A misreport to which the solver has no answer is left
    out; ``unanswered_share`` says how many there are.

    Attributes
    ----------
    most_games : int >= 1
        Games of more than 5 answers, or with more types x rankings, are skipped.

    Raises
    ------
    SpecError
        If ``most_games`` is below 1.
    """

    most_games: int = 10_000

    def __post_init__(self) -> None:
        if self.most_games < 1:
            raise SpecError(f"incentives: most_games is {self.most_games}, expected at least 1")

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield the gain of each type in each context, labelled with the best report."""
        people = game.population
        if people is None or not makes(people, game.P):
            yield _skipped("the game has no population whose majorities make P")
            return
        if game.n > _MOST_ANSWERS:
            yield _skipped(f"{game.n} answers, more than {_MOST_ANSWERS}")
            return
        games = people.shares.shape[-1] * math.factorial(game.n)
        if games > self.most_games:
            yield _skipped(f"{games} misreports, more than most_games = {self.most_games}")
            return
        for k, index in enumerate(np.ndindex(game.batch)):
            one = game.at(index) if game.batch else game
            answers = solver.solve(reported(one), rng_for("solver"))
            yield from _gains(one, answers, k if game.batch else None)


def reported(game: PreferenceGame) -> PreferenceGame:
    """The games that the solver sees when one type reports a ranking, or the truth.

    Parameters
    ----------
    game : PreferenceGame
        Without contexts, with a population of K types.

    Returns
    -------
    PreferenceGame
        With contexts (K, n! + 1): type k reports ranking r of ``every_order``; last, the truth.
    """
    assert game.population is not None  # measure has checked it
    shares, true = game.population.shares, game.population.utilities
    orders = every_order(game.n)
    shape = (len(true), len(orders) + 1)
    reports = np.broadcast_to(true, (*shape, *true.shape)).copy()
    for k in range(len(true)):
        reports[k, :-1, k] = game.n - 1 - np.argsort(orders, axis=1)  # answers ranked lower
    people = Population(np.broadcast_to(shares, (*shape, len(shares))), reports)
    return PreferenceGame(
        majority(people), game.ref, game.ref_follower, game.pairs, game.names, people
    )


def _gains(game: PreferenceGame, answers: Solution, context: int | None) -> Iterator[Measurement]:
    """The gain of each type, and the share of all misreports to which there is no answer."""
    assert game.population is not None  # measure has checked it
    orders, truth = every_order(game.n), answers.policy[0, -1]
    if np.isnan(truth).any():
        status, message = answers.status[0, -1].item(), answers.message[0, -1].item()
        for k in range(len(game.population.shares)):
            yield Measurement("misreport_gain", math.nan, context, {"type": k}, status, message)
        return
    for k, worth in enumerate(game.population.scaled):
        if np.isnan(answers.policy[k, :-1]).any(-1).all():
            reason = "the method has no answer to any misreport of this type"
            yield Measurement("misreport_gain", math.nan, context, {"type": k}, "undefined", reason)
            continue
        gains = np.nan_to_num((answers.policy[k, :-1] - truth) @ worth, nan=-np.inf)
        best = int(gains.argmax())
        gain, report = float(gains[best]), " > ".join(game.names[i] for i in orders[best])
        if not gain > _TRUTHFUL:
            gain, report = 0.0, "the truth"
        yield Measurement("misreport_gain", gain, context, {"type": k, "report": report})
    missing = np.isnan(answers.policy[:, :-1]).any(-1).mean()
    yield Measurement("unanswered_share", float(missing), context)


def _skipped(reason: str) -> Measurement:
    return Measurement("misreport_gain", math.nan, status="skipped", message=reason)
