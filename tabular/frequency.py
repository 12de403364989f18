"""How often does a majority cycle, must an equilibrium mix, and is there a Condorcet loser?

Expected (recalled, not checked: Guilbaud 1952; Gehrlein and Fishburn, Public Choice 1976): under
impartial culture three answers have no Condorcet winner with probability 1/18 for 3 voters and
1/4 - 3/(2 pi) arcsin(1/3) = .0877 for many; more with every answer. Voters in space cycle rarely.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from games import PreferenceGame, measures
from games.game import TIE_TOL
from solvers import Solver
from tabular.experiment import Experiment, Measurement, RngFor, each


@dataclass(frozen=True)
class Frequency(Experiment):
    """Indicators of each context of a game, of which a report gives the shares.

    Ask it of a game with many contexts, e.g. ``contextual`` with 200 draws from one family. Two
    indicators belong to the game; ``mixed_answer`` to the solver's answer: of NLHF at tau = 0 it
    says that the maximal lottery nearest to the reference is mixed, of SLHF that leaders tie. At
    tau > 0 every answer is mixed. Rows are labelled with the number of answers and, where P is
    made by equally weighted user types, with their number (0 elsewhere).
    """

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield three indicators, 0 or 1, a context."""
        solution = solver.solve(game, rng_for("solver"))
        labels = {"answers": game.n, "voters": _voters(game)}
        of_game = {
            "no_condorcet_winner": ~measures.condorcet_winner(game).any(-1),
            "condorcet_loser_exists": measures.condorcet_loser(game).any(-1),
        }
        for metric, holds in of_game.items():
            for k, value in enumerate(np.ravel(holds)):
                yield Measurement(metric, float(value), k if game.batch else None, labels)
        mixed = np.where((solution.policy > TIE_TOL).sum(-1) > 1, 1.0, 0.0)
        defined = np.where(np.isnan(solution.policy).any(-1), math.nan, mixed)
        yield from each("mixed_answer", defined, game, solution, **labels)


def _voters(game: PreferenceGame) -> int:
    """The number of user types if all have the same share; 0 if they have not, or there are none"""
    people = game.population
    if people is None or np.ptp(people.shares) > TIE_TOL:
        return 0
    return int(people.shares.shape[-1])
