"""Every game of the catalogue: known answers by the solvers, populations, claims, formulas."""

import inspect
import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games.catalogue
from games import GAMES, PreferenceGame, measures
from games.catalogue import GameSpec, make
from games.catalogue.condorcet import condorcet
from games.catalogue.dice import dice
from games.catalogue.elo_example import elo_example
from games.catalogue.glasgow_govan_2007 import glasgow_govan_2007
from games.catalogue.three_types import three_types
from games.game import Float, Known
from games.numerics import total_variation
from games.registry import draws, parameters
from solvers import SOLVERS
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact

SPECS: list[GameSpec] = [
    *GAMES,
    {"name": "condorcet", "alpha": (0.36, 0.33, 0.31)},
    {"name": "condorcet", "alpha": (1 / 3, 1 / 3, 1 / 3)},
    {"name": "condorcet", "alpha": (0.2, 0.6, 0.2)},
    {"name": "condorcet", "alpha": (0.25, 0.5, 0.25)},
    {"name": "rock_paper_scissors", "n": 5, "margin": 0.5},
    {"name": "skew_cycle", "margins": (0.3, 0.5, 0.05), "ref": (0.2, 0.2, 0.6)},
    {"name": "skew_cycle", "margins": (0.2, 0.2, 0.2), "ref": (0.2, 0.2, 0.6)},
    {"name": "dice", "which": "efron"},
    *({"name": "three_types", "epsilon": e} for e in (-1 / 3, -0.1, 0.0, 0.01, 1 / 3)),
    {"name": "smith_cycle", "below": (0.05, 0.5)},
    {"name": "bradley_terry", "rewards": (1, -1, 1), "ref": (0.7, 0.2, 0.1)},
    {"name": "ties", "ref": (0.1, 0.6, 0.3)},
    {"name": "clones", "game": "dice", "action": "1-6-8", "copies": 2},
    {"name": "clones", "game": {"name": "clones", "game": "skew_cycle"}, "action": 4},
    {"name": "clones", "game": "glasgow_govan_2007", "action": "Allison Hunter", "copies": 2},
    *({"name": "hodge_mix", "weight": w} for w in (0, 0.9, 1)),
    {"name": "hodge_mix", "transitive": "skew_cycle", "cyclic": "condorcet"},
    {"name": "mallows", "centres": [[2, 0, 1]], "shares": [1], "phi": 0.5},
    {"name": "plackett_luce", "utilities": [[1, 0, -800]], "shares": [1]},
    {"name": "glasgow_govan_2007", "silent": "half"},
    {"name": "condorcet_loser", "cycle": 1, "lead": 0.6},
    {"name": "near_clones", "game": "glasgow_govan_2007", "action": 2, "inside": 0.7},
    {"name": "near_clones", "game": "skew_cycle", "action": "C", "inside": 0.5},
]


def built(spec: GameSpec, seed: int = 0) -> PreferenceGame:
    return make(spec, np.random.default_rng(seed))


def answer(name: str, game: PreferenceGame, **params: float) -> Float:
    return SOLVERS[name](**params).solve(game).policy


def at_zero(game: PreferenceGame) -> Float:
    """Answers of RLHF, NLHF and SLHF, one row each."""
    solvers = RlhfExact(tau=0), NlhfExact(tau=0), SlhfExact(tau_leader=0, tau_follower=0)
    return np.stack([solver.solve(game).policy for solver in solvers])


def knowns() -> list[Any]:
    answers = [(spec, k) for spec in SPECS for k in built(spec).known]
    return [pytest.param(s, k, id=f"{s}-{k.solver}-{k.params}") for s, k in answers]


# the registry


def test_names_are_those_of_modules_and_functions() -> None:
    folder = Path(inspect.getfile(games.catalogue)).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(GAMES)
    assert all(game.__name__ == name for name, game in GAMES.items())


@pytest.mark.parametrize("name", GAMES)
def test_defaults_are_documented_and_reproducible(name: str) -> None:
    game = GAMES[name]
    text = inspect.getdoc(game) or ""
    for key, parameter in parameters(game).items():
        assert parameter.default is not parameter.empty
        assert key in text
    rng: dict[str, Any] = {"rng": np.random.default_rng(0)} if draws(game) else {}
    assert game(**rng) == built(name)
    assert (built(name, 1) == built(name)) is not draws(game)


def test_known_answers_are_many_and_not_where_solvers_start() -> None:
    named = {name for name in GAMES if built(name).known}
    assert set(GAMES) - named == {
        *("mallows", "plackett_luce", "multi_attribute", "contextual"),
        *("random", "tournament", "disc", "low_rank", "laddered", "bradley_terry_cycle"),
        *("impartial_culture", "spatial", "mallows_mixture"),
    }
    away = [
        np.abs(np.asarray(k.policy) - game.ref).max() > 0.05
        for game in map(built, GAMES)
        for k in game.known
    ]
    assert np.mean(away) > 0.8


@pytest.mark.parametrize(("spec", "known"), knowns())
def test_solvers_give_the_known_answer(spec: GameSpec, known: Known) -> None:
    solution = SOLVERS[known.solver](**known.params).solve(built(spec))
    assert solution.certificate.holds.all()
    np.testing.assert_allclose(solution.policy, np.asarray(known.policy), rtol=0, atol=known.atol)


@pytest.mark.parametrize("spec", [s for s in SPECS if built(s).population], ids=str)
def test_populations_make_the_preferences(spec: GameSpec) -> None:
    game = built(spec)
    people = game.population
    assert people is not None
    for index in np.ndindex(game.batch):
        P = np.zeros((game.n, game.n))
        for share, u in zip(people.shares[index], people.utilities[index], strict=True):
            for i, j in itertools.product(range(game.n), repeat=2):
                P[i, j] += share * (u[i] > u[j]) + 0.5 * share * (u[i] == u[j])
        np.testing.assert_allclose(game.P[index], P, atol=1e-12)


# what the games claim


@pytest.mark.parametrize(
    ("spec", "three_cycles", "winner"),
    [
        ("condorcet", 1, False),
        ("skew_cycle", 1, False),
        ("dice", 1, False),
        ("three_types", 1, False),
        ("smith_cycle", 1, False),
        ("mallows", 1, False),
        ("plackett_luce", 1, False),
        ("glasgow_govan_2007", 1, False),
        ({"name": "rock_paper_scissors", "n": 5}, 5, False),
        ("condorcet_loser", 1, False),
        ("near_clones", 1, False),
        ("ties", 0, False),
        ("elo_example", 0, True),
        ("transitive_misranked", 0, True),
        ("condorcet_not_borda", 0, True),
        ("bradley_terry", 0, True),
    ],
    ids=str,
)
def test_cycles_and_winners(spec: GameSpec, three_cycles: int, winner: bool) -> None:
    game = built(spec)
    assert measures.three_cycles(game) == three_cycles
    assert measures.condorcet_winner(game).any() == winner


def test_condorcet_by_the_table() -> None:
    a1, a2, a3 = alpha = (0.40, 0.35, 0.25)
    P = [[0.5, a1 + a3, a1], [a2, 0.5, a1 + a2], [a2 + a3, a3, 0.5]]
    np.testing.assert_allclose(condorcet().P, P, atol=1e-15)
    np.testing.assert_allclose(measures.follower_values(condorcet()), alpha, atol=1e-15)
    rows = np.array([[0, 1, 0], [0.5, 0.2, 0.3], [1, 0, 0]])
    np.testing.assert_allclose(at_zero(condorcet()), rows, atol=1e-12)
    rows = np.array([[1, 0, 0], [0.38, 0.28, 0.34], [1, 0, 0]])
    np.testing.assert_allclose(at_zero(condorcet((0.36, 0.33, 0.31))), rows, atol=1e-12)


def test_rock_beats_what_rock_beats() -> None:
    game = GAMES["rock_paper_scissors"](5)
    beaten = {
        game.names[i]: {game.names[j] for j in np.flatnonzero(row)}
        for i, row in enumerate(measures.beats(game))
    }
    assert beaten["rock"] == {"scissors", "lizard"}
    assert beaten["Spock"] == {"scissors", "rock"}
    assert beaten["paper"] == {"rock", "Spock"}
    assert beaten["lizard"] == {"Spock", "paper"}
    assert GAMES["rock_paper_scissors"]().names == ("rock", "scissors", "paper")


def test_dice_by_counting_throws() -> None:
    nine, efron = dice("munos"), dice("efron")
    faces = [[int(face) for face in name.split("-")] for name in nine.names]
    for i, j in itertools.permutations(range(3), 2):
        wins = sum(a > b for a in faces[i] for b in faces[j])
        assert nine.P[i, j] == pytest.approx(Fraction(wins, 9))
    np.testing.assert_allclose(nine.P[[0, 1, 2], [1, 2, 0]], 5 / 9)
    np.testing.assert_allclose(efron.P[[0, 1, 2, 3], [1, 2, 3, 0]], 2 / 3)
    np.testing.assert_allclose(efron.P[[2, 1], [0, 3]], [5 / 9, 1 / 2])


def test_elo_by_its_ratings_and_fifty_ninety_ninths() -> None:
    game = elo_example()
    r = np.log([1, 9, 2])
    np.testing.assert_allclose(game.P, 1 / (1 + np.exp(r - r[:, None])), atol=1e-15)
    rate = measures.win_rate(game, (0, 0, 1), (2 / 3, 1 / 3, 0))
    np.testing.assert_allclose(rate, 50 / 99, rtol=1e-14)
    np.testing.assert_allclose(RlhfExact().rewards(game), r - r.mean(), atol=1e-12)


def test_three_types_move_or_jump() -> None:
    game = three_types(0.1)
    expected = 2 / 3 - 0.05, 2 / 3 + 0.025, 2 / 3 + 0.025
    np.testing.assert_allclose(game.P[[1, 0, 2], [0, 2, 1]], expected, atol=1e-15)
    _, nash, _ = at_zero(game)
    np.testing.assert_allclose(nash, (0.3833, 0.3833, 0.2333), atol=5e-5)
    moved = total_variation(at_zero(three_types(-1e-6)), at_zero(three_types(1e-6)))
    np.testing.assert_allclose(moved, np.array([1, 0, 1]), atol=1e-5)


def test_rankings_are_transitive_and_misranked_under_four_samplings() -> None:
    game = GAMES["transitive_misranked"]()
    for mu in (1 / 3, 1 / 3, 1 / 3), (0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8):
        sampled = PreferenceGame(game.P, pairs=np.outer(mu, mu))
        np.testing.assert_array_equal(answer("rlhf_exact", sampled, tau=0), (0, 1, 0))
    votes = GAMES["condorcet_not_borda"]()
    counts = [[40.5, 41, 60], [40, 40.5, 69], [21, 12, 40.5]]
    np.testing.assert_allclose(81 * votes.P, counts, atol=1e-12)
    np.testing.assert_allclose(162 * measures.borda(votes), (101, 109, 33))


def test_smith_cycle_dominates_unless_the_cycle_is_steeper() -> None:
    game = GAMES["smith_cycle"]()
    np.testing.assert_array_equal(measures.smith_set(game), [True] * 3 + [False] * 2)
    np.testing.assert_allclose(game.P[:, 4], [0.95] * 4 + [0.5], atol=1e-15)
    np.testing.assert_array_equal(measures.dominated(game), [False] * 3 + [True] * 2)
    near = GAMES["smith_cycle"](below=(0.05,))
    np.testing.assert_array_equal(measures.smith_set(near), [True] * 3 + [False])
    assert not measures.dominated(near).any()
    np.testing.assert_allclose(at_zero(near)[1:, 3], np.array([0, 1]), atol=1e-12)


def test_glasgow_top_three() -> None:
    top = np.isin(glasgow_govan_2007().names, ("Stephen Dornan", "John Flanagan", "Allison Hunter"))
    for silent, lottery in (
        ("dropped", (0.0940, 0.0232, 0.8828)),
        ("half", (86 / 709, 21 / 709, 602 / 709)),
    ):
        game = glasgow_govan_2007(silent)  # type: ignore[arg-type]  # one of the two literals
        np.testing.assert_array_equal(measures.smith_set(game), top)
        assert not measures.condorcet_winner(game).any()
        nash = answer("nlhf_exact", game, tau=0)
        np.testing.assert_allclose(nash[top], lottery, atol=5e-5)
        np.testing.assert_allclose(nash[~top], 0, atol=1e-12)
    rates, counts = glasgow_govan_2007(), glasgow_govan_2007("half")
    hunter, dornan = rates.names.index("Allison Hunter"), rates.names.index("Stephen Dornan")
    assert rates.P[hunter, dornan] == pytest.approx(3578 / 7135)
    assert rates.pair_weights[hunter, dornan] == 7135
    assert counts.P[hunter, dornan] == pytest.approx(0.5 + 21 / (2 * 7222))
    assert np.ptp(counts.pair_weights[~np.eye(11, dtype=bool)]) == 0
    assert rates.pair_weights.sum() == 2 * 230_145
