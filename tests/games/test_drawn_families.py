"""Families drawn at random from voters, groups and rewards, and two games that embarrass SLHF."""

import importlib
import itertools
import tomllib
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from games import GameError, Known, PreferenceGame, measures, numerics
from games.catalogue import make
from games.catalogue.clones import clones
from games.catalogue.near_clones import near_clones
from solvers import SOLVERS
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tests.mutants import Mutant, assert_noticed, mutants

MODULES = {
    name: importlib.import_module(f"games.catalogue.{name}")
    for name in (
        *("impartial_culture", "spatial", "mallows_mixture", "bradley_terry_cycle"),
        *("condorcet_loser", "near_clones"),
    )
}
FAMILIES = ("impartial_culture", "spatial", "mallows_mixture", "random", "bradley_terry_cycle")


def drawn(name: str, seed: int = 0, **params: Any) -> PreferenceGame:
    return make({"name": name, **params}, np.random.default_rng(seed))


def drawn_often(name: str, contexts: int, **params: Any) -> PreferenceGame:
    return drawn("contextual", families=[{"name": name, **params}], contexts=contexts)


@pytest.mark.parametrize("name", ["impartial_culture", "spatial"])
def test_every_voter_has_one_vote_in_every_pair(name: str) -> None:
    game = drawn(name, n=4, voters=7)
    people = game.population
    assert people is not None
    assert people.utilities.shape == (7, 4)
    for i, j in itertools.permutations(range(4), 2):
        votes = sum(u[i] > u[j] for u in people.utilities)
        assert game.P[i, j] == pytest.approx(votes / 7, abs=1e-12)
    assert not np.allclose(game.P, drawn(name, 1, n=4, voters=7).P)


def test_rankings_of_an_impartial_culture_are_uniform() -> None:
    people = drawn("impartial_culture", n=3, voters=60_000).population
    assert people is not None
    _, counts = np.unique(people.utilities, axis=0, return_counts=True)
    assert len(counts) == 6
    assert abs(counts / 10_000 - 1).max() < 0.05  # five standard errors


def test_voters_on_a_line_never_cycle_and_rank_by_distance() -> None:
    line = drawn_often("spatial", 50, n=5, dimensions=1)
    assert measures.condorcet_winner(line).any(-1).all()
    culture = drawn_often("impartial_culture", 50, n=5)
    assert not measures.condorcet_winner(culture).any(-1).all()
    people = line.population
    assert people is not None
    # single-peaked: on a line nobody's last choice lies between two better ones
    for u in people.utilities[:5].reshape(-1, 5):
        assert (u <= 0).all()
        order = np.argsort(-u)
        assert u[order[0]] > u[order[-1]]


def test_a_mixture_of_mallows_groups_has_their_preferences() -> None:
    game = drawn("mallows_mixture", n=4, groups=1, phi=0.0)
    assert set(game.P.round(9).ravel()) == {0.0, 0.5, 1.0}
    even = drawn("mallows_mixture", n=4, groups=2, phi=1.0)
    np.testing.assert_allclose(even.P, 0.5, atol=1e-12)
    draws = [drawn("mallows_mixture", seed, n=3, groups=1, phi=0).P for seed in range(40)]
    centres = {tuple(P.round(9).ravel()) for P in draws}
    assert len(centres) == 6


@pytest.mark.parametrize(("spread", "cycle"), [(1.0, 0.0), (0.0, 0.7), (2.0, 0.5)])
def test_rewards_and_cycles_are_the_two_parts_of_the_log_odds(spread: float, cycle: float) -> None:
    game = drawn_often("bradley_terry_cycle", 100, n=6, spread=spread, cycle=cycle)
    parts = measures.hodge_log_odds(game)
    size = np.sqrt((parts.cyclic**2).sum((-1, -2)) / 30)
    np.testing.assert_allclose(size, cycle, atol=1e-9)
    # the scores are the rewards less their mean, whose variance is that of 5 of 6
    assert np.sqrt((parts.scores**2).mean() * 6 / 5) == pytest.approx(spread, rel=0.15)
    np.testing.assert_allclose(parts.cyclic.sum(-1), 0, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_many_draws_are_the_contexts_of_one_game_from_a_spec(name: str) -> None:
    """The form in which experiments ask for 200 draws; every context is a draw of its own."""
    text = f'name = "contextual"\nfamilies = [{{ name = "{name}", n = 4 }}]\ncontexts = 30'
    game = make(tomllib.loads(text), np.random.default_rng(0))
    assert game.batch == (30,)
    assert game.names == ("0", "1", "2", "3")
    assert len({game.at(k).digest for k in range(30)}) == 30
    has_people = name in ("impartial_culture", "spatial", "mallows_mixture")
    assert (game.population is not None) is has_people
    if game.population is not None:
        assert game.population.utilities.shape[0] == 30
        assert game.at(3).population is not None


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("impartial_culture", {"voters": 0}, "voters"),
        ("spatial", {"dimensions": 0}, "dimensions"),
        ("mallows_mixture", {"groups": 0}, "groups"),
        ("bradley_terry_cycle", {"n": 2}, r"\[3"),
        ("bradley_terry_cycle", {"cycle": -1}, "cycle -1, expected"),
        ("condorcet_loser", {"lead": 0.9}, "lead < cycle"),
        ("near_clones", {"inside": 1.1}, "probability"),
        ("condorcet_loser", {"cycle": 0.9, "lead": 0.9 - 1e-10}, "by more than 1e-9"),
        ("condorcet_loser", {"lead": 0.5 + 1e-10}, "by more than 1e-9"),
        ("near_clones", {"action": "C"}, "near_clones: no action 'C'"),
    ],
)
def test_parameters_out_of_range_are_named(name: str, params: Any, message: str) -> None:
    with pytest.raises(GameError, match=message):
        drawn(name, **params)


# two games in which the smallest loss is no good


def test_the_slhf_leader_answers_the_condorcet_loser() -> None:
    game = make("condorcet_loser")
    assert (game.P[:3, 3] > 0.5).all()
    assert SlhfExact(0.0, 0.0).solve(game).policy[3] == pytest.approx(1)
    assert SlhfExact(0.1, 0.1).solve(game).policy[3] == pytest.approx(0.81, abs=0.005)
    for solver in (RlhfExact(0.0), NlhfExact(0.0)):
        assert solver.solve(game).policy[3] == pytest.approx(0, abs=1e-9)


def test_near_clones_keep_lotteries_at_tau_0_whose_parameters_may_be_left_out() -> None:
    A = np.array([1.0, 0.0])
    answers = [Known("nlhf_exact", params, A, "by hand") for params in ({}, {"tau": 0.0})]
    pair = PreferenceGame([[0.5, 0.6], [0.4, 0.5]], known=answers)
    kept = [known.params for known in near_clones(pair).known if known.solver == "nlhf_exact"]
    assert kept == [{"tau": 0.0}]


def test_near_clones_move_slhf_and_neither_nlhf_nor_exact_clones_do() -> None:
    pair = PreferenceGame([[0.5, 0.6], [0.4, 0.5]])
    family = {"rlhf": RlhfExact(0.0), "nlhf": NlhfExact(0.0), "slhf": SlhfExact(0.0, 0.0)}

    def mass(game: PreferenceGame) -> dict[str, float]:
        return {c: float(s.solve(game).policy[: game.n - 1].sum()) for c, s in family.items()}

    for game in (pair, clones(pair, 0, 3), near_clones(pair, 0, 0.5)):
        assert mass(game) == pytest.approx({"rlhf": 1, "nlhf": 1, "slhf": 1})
    assert mass(near_clones(pair)) == pytest.approx({"rlhf": 1, "nlhf": 1, "slhf": 0}, abs=1e-9)


def test_near_clones_divide_the_references_and_keep_the_rest() -> None:
    game = make("skew_cycle")
    versions = near_clones(game, "B", 0.8)
    assert versions.names == ("A", "B (1)", "B (2)", "B (3)", "C")
    np.testing.assert_allclose(versions.ref, [0.2, 0.1, 0.1, 0.1, 0.5])
    np.testing.assert_allclose(versions.P[1:4, [0, 4]], game.P[[1], [[0], [2]]].T.repeat(3, 0))
    assert versions.P[1, 2] == versions.P[2, 3] == versions.P[3, 1] == 0.8
    assert numerics.total_variation(versions.ref[1:4] / 0.3, np.full(3, 1 / 3)) < 1e-12
    assert near_clones(make("condorcet"), 1).population is None


FAMILY_MUTANTS = mutants(
    {
        MODULES["impartial_culture"]: [("axis=1)", "axis=0)")],
        MODULES["spatial"]: [
            ("-np.linalg.norm", "np.linalg.norm"),
            ("np.full(voters, 1 / voters)", "np.arange(1, voters + 1) * 2 / voters / (voters + 1)"),
        ],
        MODULES["mallows_mixture"]: [("axis=1)", "axis=0)")],
        MODULES["bradley_terry_cycle"]: [
            ("r[:, None] - r + C", "r[:, None] - r"),
            ("C**2).sum() / (n * (n - 1))", "C**2).mean()"),
            ("hodge_margins(random(n, rng=rng)).cyclic", "random(n, rng=rng).P - 0.5"),
            ("sizes[0] * rng", "rng"),
        ],
        MODULES["condorcet_loser"]: [
            ("P[:3, 3], P[3, :3] = q, 1 - q", "P[:3, 3], P[3, :3] = 1 - q, q"),
            ("1 / np.exp(-P / 0.1)", "1 / np.exp(P / 0.1)"),
        ],
        MODULES["near_clones"]: [
            ("family] = p, 1 - p", "family] = 1 - p, p"),
            ("P[..., family, np.roll(family, -1)], P", "P[..., 0, 0], P"),
            ("best(P.min(-1), copied.ref)", "best(P.max(-1), copied.ref)"),
            ("copied, P=P, population=None", "game, P=P[:2, :2], population=None"),
        ],
    }
)


def is_as_defined(module: ModuleType) -> None:
    """The definition of each game, on draws or numbers that tell the parts apart."""
    name = module.__name__.rpartition(".")[2]
    make_game, rng = getattr(module, name), np.random.default_rng(1)
    if name in ("impartial_culture", "spatial"):
        game = make_game(4, 9, rng=rng)
        people = game.population
        votes = (people.utilities[:, :, None] > people.utilities[:, None, :]).mean(0)
        np.testing.assert_allclose(game.P, votes + np.eye(4) / 2, atol=1e-12)
        assert len(np.unique(people.utilities, axis=0)) > 1
        if name == "spatial":
            assert people.utilities.max() < 0
        else:
            assert (np.sort(people.utilities) == np.arange(4)).all()
    elif name == "mallows_mixture":
        one, two = (make_game(4, groups, 0.0, rng=rng).P for groups in (1, 6))
        assert set(one.round(9).ravel()) == {0.0, 0.5, 1.0}
        assert len(set(two.round(9).ravel())) > 3
    elif name == "bradley_terry_cycle":
        parts = measures.hodge_log_odds(make_game(5, 1e-3, 0.5, rng=rng))
        assert np.sqrt((parts.cyclic**2).sum() / 20) == pytest.approx(0.5)
        assert abs(parts.scores).max() < 0.01
    else:
        game = make_game()
        for known in game.known:
            policy = SOLVERS[known.solver](**known.params).solve(game).policy
            np.testing.assert_allclose(policy, known.policy, atol=1e-9)
        assert SlhfExact(0.0, 0.0).solve(game).policy[-1] == pytest.approx(1)
        P = game.P
        assert P[0, 1] == P[1, 2] == P[2, 0] > 0.8


@pytest.mark.parametrize("mutant", FAMILY_MUTANTS, ids=str)
def test_planted_bugs_are_noticed(mutant: Mutant) -> None:
    assert_noticed(mutant, is_as_defined, (AssertionError, GameError, IndexError))
