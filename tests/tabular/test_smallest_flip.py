"""The fewest reversed labels: closed forms against exhaustive search, and bounds."""

import itertools
from typing import Any

import numpy as np
import pytest

from games import Comparisons, PreferenceGame, SolverError
from games.game import Float
from solvers import SOLVERS, Solver
from tabular import MatchedKl, smallest_flip
from tests.mutants import Mutant, assert_noticed, mutants

RLHF, NLHF, SLHF = (SOLVERS[f"{name}_exact"] for name in ("rlhf", "nlhf", "slhf"))
UNIFORM: list[Solver] = [SLHF(0.0, 0.0), SLHF(0.1, 0.0), RLHF(tau=0.0), RLHF(tau=0.1)]


def drawn(rng: np.random.Generator, n: int, most: int, equal: bool) -> Comparisons:
    wins = np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        labels = most if equal else rng.integers(2, most + 1)
        wins[i, j] = rng.integers(1, labels)
        wins[j, i] = labels - wins[i, j]
    return Comparisons(wins)


def reversals(wins: Float, size: int) -> list[Float]:
    """Tables of wins after every choice of ``size`` single labels, one label at a time."""
    tables = {wins.tobytes(): wins}
    for _ in range(size):
        after = {}
        for table in tables.values():
            for i, j in itertools.permutations(range(len(wins)), 2):
                if table[i, j] > 0 and wins[i, j] >= table[i, j]:
                    other = table.copy()
                    other[i, j], other[j, i] = other[i, j] - 1, other[j, i] + 1
                    after[other.tobytes()] = other
        tables = after
    return list(tables.values())


def exhaustive(solver: Solver, data: Comparisons, up_to: int) -> int | None:
    """The size of the smallest set, by solving the game of every table again."""

    def policies(tables: list[Float]) -> Float:
        return solver.solve(PreferenceGame.stack([Comparisons(t).game() for t in tables])).policy

    def alone(policy: Float, top: int) -> Any:
        return policy[..., top] - np.delete(policy, top, -1).max(-1) > 1e-9

    first = policies([data.wins])[0]
    top = int(first.argmax())
    for size in range(up_to + 1):
        left = policies(reversals(np.array(data.wins), size))
        if (np.isfinite(left).all(-1) & ~alone(left, top)).any():
            return size
    return None


def check_closed_forms(module: Any) -> None:
    rng = np.random.default_rng(1)
    sizes = []
    for trial in range(24):
        equal = trial % 2 == 0
        data = drawn(rng, int(rng.integers(3, 5)), 7, equal)
        for solver in UNIFORM if equal else UNIFORM[:2]:
            result = module.smallest_flip(solver, data, exact_up_to=0)
            expected = exhaustive(solver, data, 3)
            if expected is None:
                assert result.at_least >= 4
            else:
                assert result.at_least == result.size == expected
                sizes.append(expected)
    assert {0, 1, 2, 3} <= set(sizes)
    # three of the ten labels between 0 and 1 lower the one and raise the other, past 0.4
    wins = [[0, 7, 450, 90], [3, 0, 440, 90], [550, 560, 0, 0], [10, 10, 100, 0]]
    assert module.smallest_flip(SLHF(0.0, 0.0), Comparisons(wins), exact_up_to=0).size == 3


def test_closed_forms_equal_exhaustive_search() -> None:
    check_closed_forms(smallest_flip)


def test_the_maximin_leader_by_hand() -> None:
    """A loses to C by 40 of 100, B to A by 35: one label lowers A's worst rate or raises B's."""
    wins = np.array([[0, 65, 40], [35, 0, 75], [60, 25, 0]], float)
    result = smallest_flip.smallest_flip(SLHF(0.0, 0.0), Comparisons(wins))
    assert result.at_least == result.size == 5
    assert result.flips is not None
    assert result.flips[0].sum() == 5


def test_borda_counts_a_direct_label_twice() -> None:
    wins = np.array([[0, 9, 6], [1, 0, 8], [4, 2, 0]], float)  # Borda 15, 9, 6
    result = smallest_flip.smallest_flip(RLHF(tau=0.0), Comparisons(wins))
    assert result.size == 3
    assert result.flips is not None
    assert result.flips[0, 1] == 3


@pytest.mark.parametrize(
    "solver", [NLHF(tau=0.1), NLHF(tau=0.0), SLHF(0.1, 0.1), MatchedKl(NLHF, 0.05)], ids=str
)
def test_elsewhere_small_sets_are_tried_and_larger_ones_bounded(solver: Solver) -> None:
    small = Comparisons([[0, 6, 4], [4, 0, 7], [6, 3, 0]])
    expected = exhaustive(solver, small, 2)
    result = smallest_flip.smallest_flip(solver, small, exact_up_to=2)
    if expected is not None:
        assert result.at_least == result.size == expected
    large = Comparisons([[0, 90, 90], [10, 0, 50], [10, 50, 0]])
    bound = smallest_flip.smallest_flip(solver, large, exact_up_to=2)
    assert bound.at_least == 3
    assert bound.flips is not None
    assert bound.size > 3
    moved = Comparisons(large.wins - bound.flips + bound.flips.T)
    policy = solver.solve(moved.game()).policy
    assert policy[0] <= policy[1:].max() + 1e-9
    fewer = smallest_flip.smallest_flip(solver, large, exact_up_to=2, most_sets=5)
    assert fewer.at_least == 1  # six kinds of labels are more than five


def test_a_tied_answer_needs_no_label() -> None:
    result = smallest_flip.smallest_flip(NLHF(tau=0.1), Comparisons([[0, 5], [5, 0]]))
    assert result.at_least == result.size == 0


def test_an_answer_that_does_not_exist_has_a_reason() -> None:
    result = smallest_flip.smallest_flip(RLHF(tau=0.1), Comparisons([[0, 5], [0, 0]]))
    assert np.isnan(result.size)
    assert "infinite" in result.message


def test_fractions_and_several_contexts_are_refused() -> None:
    with pytest.raises(SolverError, match="whole numbers in one context"):
        smallest_flip.smallest_flip(RLHF(), Comparisons([[0.0, 1.5], [2.0, 0.0]]))
    with pytest.raises(SolverError, match="one by one"):
        smallest_flip.smallest_flip(RLHF(), Comparisons(np.zeros((2, 2, 2))))


MUTANTS = mutants({
    smallest_flip: [
        ("wins - flips + flips.T", "wins - flips"),
        ("np.ceil(gap / 2)", "np.ceil(gap)"),
        ("gap -= 2 * flips[top, challenger]", "gap -= flips[top, challenger]"),
        ("raised = np.ceil(pairs[challenger]", "raised = np.floor(pairs[challenger]"),
        ("lowered = np.ceil(pairs[top]", "lowered = np.floor(pairs[top]"),
        ("P[challenger].min(), P[top].min()", "P[challenger].max(), P[top].max()"),
        ("[:, challenger] -= raised[:, top]", "[:, challenger] -= 0"),
        ("second.sum() < first.sum()", "second.sum() > first.sum()"),
        ("lowered[:, top] = np.where(v[:, 0] >= 0.5 - _SLACK, 0, np.inf)", "lowered[:, top] = 0"),
    ],
})  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_caught(mutant: Mutant) -> None:
    assert_noticed(mutant, check_closed_forms)
