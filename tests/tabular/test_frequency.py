"""Frequency of cycles, mixed equilibria and Condorcet losers: enumerated, sampled, derived."""

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from games import GAMES, Population, PreferenceGame
from games.catalogue import make
from games.game import Float
from games.population import majority
from solvers.nlhf_exact import NlhfExact
from solvers.slhf_exact import SlhfExact
from tabular import frequency as module
from tests.measured import measured, select, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import generators, random_games, three_annotators

SOLVER = SlhfExact()
"""Plays no part."""

GUILBAUD = 0.25 - 3 / (2 * math.pi) * math.asin(1 / 3)
"""Impartial culture, 3 answers, many voters (Guilbaud 1952, recalled); derived again below."""


@cache
def every_profile(n: int, voters: int) -> tuple[PreferenceGame, Float]:
    """Impartial culture without sampling: the tables of all (n!)^voters profiles, and their odds.

    Each different table is a context.
    """
    ranked = np.array(list(itertools.permutations(range(n))), dtype=float)
    profiles = itertools.product(range(len(ranked)), repeat=voters)
    utilities = np.array([ranked[list(profile)] for profile in profiles])
    people = Population(np.full(utilities.shape[:2], 1 / voters), utilities)
    tables, counts = np.unique(majority(people).round(12), axis=0, return_counts=True)
    return PreferenceGame(tables), counts / len(utilities)


def share(
    game: PreferenceGame,
    metric: str,
    weights: Any = None,
    kind: Any = module.Frequency,
) -> float:
    rows = [m for m in kind().measure(game, SOLVER, generators) if m.metric == metric]
    assert len(rows) == math.prod(game.batch)
    return float(np.average([m.value for m in rows], weights=weights))


def test_one_profile_in_eighteen_of_three_voters_has_no_winner() -> None:
    tables, odds = every_profile(3, 3)
    assert share(tables, "no_condorcet_winner", odds) == pytest.approx(1 / 18, abs=1e-15)
    # such a profile has three rankings that are rotations of each other: 2 * 3! of 216
    cyclic = abs(tables.P.sum(-1) - 1.5).max(-1) < 1e-9
    assert 216 * odds[cyclic] == pytest.approx([6, 6])
    # without ties there is no winner where the equilibrium mixes, and no loser either on 3 answers
    assert share(tables, "mixed_equilibrium", odds) == pytest.approx(1 / 18, abs=1e-15)
    assert share(tables, "condorcet_loser_exists", odds) == pytest.approx(17 / 18, abs=1e-15)


def test_two_voters_tie_and_a_tie_is_no_winner() -> None:
    """Both have the same favourite with probability 1/3; else nothing beats both other answers."""
    tables, odds = every_profile(3, 2)
    assert share(tables, "no_condorcet_winner", odds) == pytest.approx(2 / 3)
    assert share(tables, "condorcet_loser_exists", odds) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("voters", "expected", "contexts"), [(3, 1 / 18, 2_000), (501, GUILBAUD, 2_000)]
)
def test_sampled_impartial_culture(voters: int, expected: float, contexts: int) -> None:
    family = {"name": "impartial_culture", "n": 3, "voters": voters}
    spec = {"name": "contextual", "families": [family], "contexts": contexts}
    game = make(spec, np.random.default_rng(0))
    error = math.sqrt(expected * (1 - expected) / contexts)
    rows = select(measured("frequency", game, SOLVER), "no_condorcet_winner")
    assert abs(np.mean([m.value for m in rows]) - expected) < 4 * error
    first = rows[0]
    assert first.labels == {"answers": 3, "voters": voters}
    assert first.context == 0


def test_the_limit_of_many_voters_is_that_of_three_correlated_normal_margins() -> None:
    """P(no winner) -> .0877: margins are normal, those of A over B and A over C correlate by 1/3.

    A wins with probability 1/4 + arcsin(1/3) / (2 pi); three answers cannot win at once.
    """
    wins = 0.25 + math.asin(1 / 3) / (2 * math.pi)
    assert 1 - 3 * wins == pytest.approx(GUILBAUD, abs=1e-15)
    assert pytest.approx(0.0877, abs=5e-5) == GUILBAUD
    rng = np.random.default_rng(1)
    orders = rng.permuted(np.tile(np.arange(3), (30_000, 1)), axis=1)
    above = np.sign(orders[:, [1, 2]] - orders[:, [0]])
    assert np.corrcoef(above.T)[0, 1] == pytest.approx(1 / 3, abs=0.03)


def test_the_loser_of_the_catalogue_and_games_of_one_and_two_answers() -> None:
    for game, indicators in (
        (GAMES["condorcet_loser"](), [1, 1, 1]),
        (PreferenceGame([[0.5]]), [0, 0, 0]),
        (PreferenceGame([[0.5, 0.7], [0.3, 0.5]]), [0, 0, 1]),
        (PreferenceGame([[0.5, 0.5], [0.5, 0.5]]), [1, 0, 0]),
    ):
        assert [m.value for m in measured("frequency", game, SOLVER)] == indicators


def test_an_equilibrium_is_mixed_where_the_lottery_solved_for_every_context_is() -> None:
    game = random_games(5, 40, 4)
    mixed = (NlhfExact(0.0).solve(game).policy > 1e-9).sum(-1) > 1
    assert 0 < mixed.sum() < 40
    found = values(measured("frequency", game, SOLVER), "mixed_equilibrium")
    assert found == mixed.astype(float).tolist()


def test_a_tied_winner_is_pure_and_yet_beats_not_every_other() -> None:
    """A ties with B and beats C, B loses to C: A is an equilibrium, and so are some mixtures."""
    game = PreferenceGame([[0.5, 0.5, 0.7], [0.5, 0.5, 0.3], [0.3, 0.7, 0.5]])
    assert [m.value for m in measured("frequency", game, SOLVER)] == [1, 0, 0]


def test_voters_are_stated_only_where_they_count_alike() -> None:
    for game, voters in (
        (three_annotators(), 0),
        (three_annotators((1 / 3, 1 / 3, 1 / 3)), 3),
        (random_games(0, 2, 3), 0),
    ):
        rows = measured("frequency", game, SOLVER)
        assert {m.labels["voters"] for m in rows} == {voters}


FREQUENCY_MUTANTS = mutants(
    {
        module.Frequency: [
            ("~measures.condorcet_winner", "measures.condorcet_winner"),
            ("0.5 - TIE_TOL", "0.5 + TIE_TOL"),
            ("~unbeaten.any(-1)", "~unbeaten.all(-1)"),
            ("condorcet_loser(game).any(-1)", "condorcet_winner(game).any(-1)"),
            ("condorcet_loser(game).any(-1)", "condorcet_loser(game).all(-1)"),
        ]
    }
)


def all_profiles_are_counted(kind: Any) -> None:
    def found(game: PreferenceGame, metric: str, weights: Any = None) -> float:
        return share(game, metric, weights, kind=kind)

    tables, odds = every_profile(3, 3)
    for metric in ("no_condorcet_winner", "mixed_equilibrium"):
        assert found(tables, metric, odds) == pytest.approx(1 / 18)
    loser = PreferenceGame([[0.5, 0.5, 0.7], [0.5, 0.5, 0.6], [0.3, 0.4, 0.5]])
    winner = PreferenceGame([[0.5, 0.8, 0.7], [0.2, 0.5, 0.5], [0.3, 0.5, 0.5]])
    for game, exists in ((loser, 1), (winner, 0), (make("condorcet"), 0)):
        assert found(game, "condorcet_loser_exists") == exists
    assert found(PreferenceGame(np.full((2, 2), 0.5)), "mixed_equilibrium") == 0


@pytest.mark.parametrize("mutant", FREQUENCY_MUTANTS, ids=str)
def test_planted_bugs_are_noticed(mutant: Mutant) -> None:
    assert_noticed(mutant, all_profiles_are_counted)
