"""How far from the reference all three concepts can be taken, on the games of the catalogue."""

import numpy as np
import pytest

from games.catalogue import make
from solvers import SOLVERS
from tabular import MatchedKl

GAMES = (
    "bradley_terry", "clones", "condorcet", "condorcet_not_borda", "contextual", "dice", "disc",
    "elo_example", "glasgow_govan_2007", "hodge_mix", "laddered", "low_rank", "mallows",
    "multi_attribute", "plackett_luce", "random", "rock_paper_scissors", "skew_cycle",
    "smith_cycle", "three_types", "ties", "tournament", "transitive_misranked",
)  # fmt: skip
EXACT = [SOLVERS[f"{concept}_exact"] for concept in ("rlhf", "nlhf", "slhf")]


@pytest.mark.parametrize(("kl", "games"), [(0.01, 20), (0.03, 19), (0.1, 16), (0.3, 14), (1.0, 8)])
def test_the_larger_a_kl_the_fewer_games_on_which_all_three_reach_it(kl: float, games: int) -> None:
    """A game of several contexts, "contextual", counts if they reach it in one of them."""
    reached = []
    for name in GAMES:
        game = make({"name": name}, np.random.default_rng(0))
        statuses = [MatchedKl(kind, kl).solve(game).status for kind in EXACT]
        if (np.array(statuses) == "ok").all(0).any():
            reached.append(name)
    assert len(GAMES) == 23
    assert len(reached) == games
