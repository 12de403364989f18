"""Incentives: exact gains by brute force and by hand, none for a random dictator."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from games import Population, PreferenceGame, SpecError
from games.catalogue import make
from games.population import majority, rankings
from solvers import SOLVERS, Certificate, Solution, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular import MatchedKl
from tabular import incentives as module
from tests.measured import measured, select, values
from tests.mutants import Mutant, assert_noticed, mutants
from tests.paper_games import generators, random_games, three_annotators


@dataclass(frozen=True)
class Favourites(Solver):
    """A random dictator: each type's favourites, in proportion to its share."""

    def solve(self, game: PreferenceGame, rng: np.random.Generator | None = None) -> Solution:
        assert game.population is not None
        liked = game.population.favourites / game.population.favourites.sum(-1, keepdims=True)
        policy = (game.population.shares[..., None] * liked).sum(-2)
        with np.errstate(divide="ignore"):
            return Solution(np.log(policy), Certificate("drawn", np.zeros(game.batch), 0.0))


def profile(shares: Any, orders: Any, names: str = "ABCD") -> PreferenceGame:
    people = rankings(shares, orders)
    return PreferenceGame(majority(people), names=names[: len(orders[0])], population=people)


BORDA = profile([0.36, 0.34, 0.30], [[0, 1, 2], [1, 0, 2], [2, 0, 1]])
"""A wins by Borda: .36 * 2 + .34 + .30 against B's .36 + .68. The second type buries A."""


def test_burying_pays_under_borda_by_hand() -> None:
    """With B > C > A the second type makes B win, 1.04 to 1.02; its utility was 1/2."""
    rows = select(measured("incentives", BORDA, RlhfExact(0.0)), "misreport_gain")
    assert [m.value for m in rows] == pytest.approx([0, 0.5, 0])
    assert [m.labels["report"] for m in rows] == ["the truth", "B > C > A", "the truth"]
    assert [m.labels["type"] for m in rows] == [0, 1, 2]


def borda_gains(game: PreferenceGame) -> list[float]:
    """The largest gain of each type under Borda's rule, by plain loops over all reports."""
    assert game.population is not None
    shares, utilities = game.population.shares, game.population.utilities

    def winner(reports: list[Any]) -> int:
        return int(np.argmax(shares @ np.array(reports)))

    out = []
    for k, u in enumerate(utilities):
        truth = u[winner(list(utilities))]
        best = truth
        for lie in itertools.permutations(range(game.n)):
            reports = list(utilities)
            reports[k] = lie
            best = max(best, u[winner(reports)])
        out.append((best - truth) / (u.max() - u.min()))
    return out


@pytest.mark.parametrize("seed", range(4))
def test_rlhf_at_tau_zero_is_manipulated_as_borda_is(seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(6, 20))
    game = profile(shares, list(itertools.permutations(range(3))))
    gains = values(measured("incentives", game, RlhfExact(0.0)), "misreport_gain")
    assert gains == pytest.approx(borda_gains(game), abs=1e-9)


def gains_one_by_one(game: PreferenceGame, solver: Solver) -> list[float]:
    """Every false game made by hand from pairwise votes and solved alone."""
    assert game.population is not None
    shares, utilities = game.population.shares, game.population.utilities
    truth, out = solver.solve(game).policy, []
    for k, u in enumerate(utilities):
        best = 0.0
        for lie in itertools.permutations(range(game.n)):
            P = game.P.copy()
            for i, j in itertools.permutations(range(game.n), 2):
                P[i, j] += shares[k] * (np.sign(lie[i] - lie[j]) - np.sign(u[i] - u[j])) / 2
            other = PreferenceGame(P, game.ref, game.ref_follower, game.pairs)
            worth = (u - u.min()) / (u.max() - u.min())
            best = max(best, float((solver.solve(other).policy - truth) @ worth))
        out.append(best)
    return out


@pytest.mark.parametrize(
    "solver",
    [
        NlhfExact(0.0),
        NlhfExact(0.1),
        RlhfExact(0.3),
        SlhfExact(0.1, 0.2),
        MatchedKl(NlhfExact, 0.02),
        MatchedKl(SlhfExact, 0.02),
    ],
    ids=repr,
)
def test_gains_are_those_of_games_solved_one_by_one(solver: Solver) -> None:
    """On a generic state: unequal shares and references, weighted pairs, a type with a tie."""
    people = Population([0.45, 0.3, 0.25], [[3.0, 1.0, 0.0], [0.0, 2.0, 2.0], [1.0, 0.0, 5.0]])
    pairs = [[0, 1, 2], [1, 0, 5], [2, 5, 0]]
    rows = [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]]
    game = PreferenceGame(majority(people), [0.5, 0.2, 0.3], rows, pairs, population=people)
    gains = values(measured("incentives", game, solver), "misreport_gain")
    assert gains == pytest.approx(gains_one_by_one(game, solver), abs=1e-8)
    assert max(gains) > 1e-3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 4), k=st.integers(2, 4))
def test_a_random_dictator_with_strict_types_cannot_be_manipulated(
    seed: int, n: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    people = Population(rng.dirichlet(np.full(k, 5)), rng.normal(size=(k, n)))
    game = PreferenceGame(majority(people), population=people)
    gains = values(measured("incentives", game, Favourites()), "misreport_gain")
    assert gains == [0.0] * k


def test_every_context_has_its_own_types_and_gains() -> None:
    games = [BORDA, profile([0.2, 0.5, 0.3], [[2, 1, 0], [0, 2, 1], [1, 0, 2]])]
    both = measured("incentives", PreferenceGame.stack(games), NlhfExact(0.1))
    for k, game in enumerate(games):
        one = PreferenceGame(game.P, population=game.population)
        alone = measured("incentives", one, NlhfExact(0.1))
        assert [m.value for m in both if m.context == k] == pytest.approx([m.value for m in alone])


def test_what_is_not_made_by_majority_or_too_large_is_skipped_with_the_reason() -> None:
    other = three_annotators()
    wrong = PreferenceGame(random_games(0, 1, 3).P[0], population=other.population)
    large = profile([0.6, 0.4], [range(6), [5, 4, 3, 2, 1, 0]], "ABCDEF")
    for game, params, reason in (
        (random_games(0, 1, 3), {}, "no population"),
        (wrong, {}, "no population whose majorities"),
        (profile([1.0], [[0, 1, 2]]), {}, "no population whose majorities"),
        (large, {}, "6 answers, more than 5"),
        (other, {"most_games": 17}, "18 misreports, more than most_games = 17"),
    ):
        (row,) = measured("incentives", game, NlhfExact(0.0), **params)
        assert row.status == "skipped"
        assert reason in row.message
    assert len(measured("incentives", other, NlhfExact(0.0), most_games=18)) == 4
    with pytest.raises(SpecError, match="most_games is 0"):
        module.Incentives(most_games=0)


def test_a_misreport_without_an_answer_is_left_out_and_counted() -> None:
    """Unanimity about the worst answer makes the Bradley-Terry maximum infinite."""
    game = profile([0.6, 0.4], [[0, 1], [1, 0]])
    rows = measured("incentives", game, RlhfExact(0.1))
    assert values(rows, "misreport_gain") == [0, 0]
    assert values(rows, "unanswered_share") == [0.5]
    agreed = profile([0.6, 0.4], [[0, 1, 2], [1, 0, 2]])
    rows = measured("incentives", agreed, RlhfExact(0.1))
    assert [m.status for m in rows] == ["undefined"] * 2
    assert all("infinite" in m.message for m in rows)


def test_an_indifferent_type_gains_nothing() -> None:
    others = BORDA.population
    assert others is not None
    shares = [*(0.8 * others.shares), 0.2]
    people = Population(shares, [*others.utilities, [1.0, 1.0, 1.0]])
    game = PreferenceGame(majority(people), population=people)
    gains = select(measured("incentives", game, RlhfExact(0.0)), "misreport_gain")
    assert [m.value for m in gains] == pytest.approx([0, 0.5, 0, 0])
    assert gains[3].labels["report"] == "the truth"


INCENTIVES_MUTANTS = mutants(
    {
        module.Incentives: [
            ("game.n - 1 - np.argsort", "np.argsort"),
            (
                "enumerate(game.population.scaled)",
                "enumerate(game.population.utilities)",
            ),
            ("answers.policy[k, :-1] - truth", "answers.policy[k, :-1]"),
            ("answers.policy[k, :-1] - truth", "truth - answers.policy[k, :-1]"),
            ("reports[k, :-1, k]", "reports[:, :-1, k]"),
            (
                "majority(people), game.ref, game.ref_follower, game.pairs",
                "majority(people), None, game.ref_follower, game.pairs",
            ),
            ("game.ref_follower, game.pairs, game.names", "None, game.pairs, game.names"),
            ("game.ref_follower, game.pairs, game.names", "game.ref_follower, None, game.names"),
            ("int(gains.argmax())", "int(gains.argmin())"),
        ]
    }
)


def brute_force_agrees(kind: Any) -> None:
    people = Population([0.45, 0.3, 0.25], [[3.0, 1.0, 0.0], [0.0, 2.0, 2.0], [1.0, 0.0, 5.0]])
    pairs = [[0, 1, 2], [1, 0, 5], [2, 5, 0]]
    rows = [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]]
    game = PreferenceGame(majority(people), [0.5, 0.2, 0.3], rows, pairs, population=people)
    for solver in (NlhfExact(0.1), RlhfExact(0.3), SlhfExact(0.1, 0.2)):
        measurements = list(kind().measure(game, solver, generators))
        gains = values(measurements, "misreport_gain")
        assert gains == pytest.approx(gains_one_by_one(game, solver), abs=1e-8)
    _, buried, *_ = kind().measure(BORDA, RlhfExact(0.0), generators)
    assert buried.labels["report"] == "B > C > A"


@pytest.mark.parametrize("mutant", INCENTIVES_MUTANTS, ids=str)
def test_planted_bugs_are_noticed(mutant: Mutant) -> None:
    assert_noticed(mutant, brute_force_agrees)


@pytest.mark.parametrize("name", ["condorcet", "three_types", "mallows", "plackett_luce"])
def test_games_of_the_catalogue_are_asked(name: str) -> None:
    rows = measured("incentives", make(name), SOLVERS["slhf_exact"](0.0, 0.0))
    assert {m.status for m in rows} == {"ok"}
