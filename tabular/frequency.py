"""How often does a majority cycle, must an equilibrium mix, and is there a Condorcet loser?

Expected (recalled, not checked: Guilbaud 1952; Gehrlein and Fishburn, Public Choice 1976): under
impartial culture three answers have no Condorcet winner with probability 1/18 for 3 voters and
1/4 - 3/(2 pi) arcsin(1/3) = .0877 for many; more with every answer. Voters in space cycle rarely.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from games import PreferenceGame, measures
from games.game import TIE_TOL
from solvers import Solver
from tabular.experiment import Experiment, Measurement, RngFor


@dataclass(frozen=True)
class Frequency(Experiment):
    """Indicators of each context of a game, of which a report gives the shares.

    The solver plays no part: ask one alone, without parameters, of a game with many contexts, e.g.
    ``contextual`` with 200 draws from a family. Equilibria (maximal lotteries) are mixed where
    every answer is beaten by another one, which without ties is where there is no Condorcet winner.
    Rows are labelled with the number of answers and, where P is made by equally weighted user
    types, with their number (0 elsewhere).
    """

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield three indicators, 0 or 1, a context."""
        del solver, rng_for
        labels = {"answers": game.n, "voters": _voters(game)}
        unbeaten = (game.P >= 0.5 - TIE_TOL).all(-1)
        indicators = {
            "no_condorcet_winner": ~measures.condorcet_winner(game).any(-1),
            "mixed_equilibrium": ~unbeaten.any(-1),
            "condorcet_loser_exists": measures.condorcet_loser(game).any(-1),
        }
        for metric, holds in indicators.items():
            for k, value in enumerate(np.ravel(holds)):
                yield Measurement(metric, float(value), k if game.batch else None, labels)


def _voters(game: PreferenceGame) -> int:
    """The number of user types if all have the same share; 0 if they have not, or there are none"""
    people = game.population
    if people is None or np.ptp(people.shares) > TIE_TOL:
        return 0
    return int(people.shares.shape[-1])
