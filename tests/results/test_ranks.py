"""Rank groups: methods that cannot be told apart share one."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from results.frames import describe
from results.ranks import _cliques, rank_groups
from tests.recorded import framed, row

NOISE = np.random.default_rng(0).normal(0, 0.05, 12)


def ranks(values: dict[str, list[float]]) -> dict[str, str]:
    """Method -> rank, from its duality gaps at seeds 0, 1, ..."""
    rows = [
        row("duality_gap", v, solver=name, seed=seed)
        for name, column in values.items()
        for seed, v in enumerate(column)
    ]
    return ranked(rows)


def ranked(rows: list[Any], metric: str = "duality_gap") -> dict[str, str]:
    groups: Any = rank_groups(describe(framed(rows)), ["game"], metric)
    return dict(groups.loc["g"])


def test_exact_values_are_compared_as_they_are() -> None:
    values = {"a": 0.0, "b": 1e-9, "c": 2e-3, "d": math.nan}
    found = ranked([row("duality_gap", v, solver=name) for name, v in values.items()])
    assert found == {"a": "1", "b": "1", "c": "2"}


def test_the_best_is_the_largest_where_larger_is_better() -> None:
    rows = [row("leader_value", v, solver=name) for name, v in (("a", 0.1), ("b", 0.4))]
    assert ranked(rows, "leader_value") == {"a": "2", "b": "1"}


def test_pairs_on_common_seeds_are_told_apart_where_means_are_not() -> None:
    """Seeds vary far more than a and b differ, but on each seed one of these is a little better."""
    first, other = 0.3 + 4 * NOISE, NOISE[::-1]
    values = {"a": first, "b": first + 0.02 + 0.1 * other, "c": 0.3 + 4 * other}
    found = ranks({name: list(column) for name, column in values.items()})
    assert (found["a"], found["b"], found["c"]) == ("1", "2", "1-2")


def test_two_seeds_tell_nothing_apart() -> None:
    assert set(ranks({"a": [0.1, 0.1], "b": [0.5, 0.5]}).values()) == {"1"}
    assert set(ranks({"a": [0.1] * 3, "b": [0.5] * 3}).values()) == {"1", "2"}


def test_a_method_in_which_nothing_is_drawn_is_compared_on_every_seed() -> None:
    rows = [row("duality_gap", 0.0, solver="nlhf_exact")]
    rows += [row("duality_gap", 0.3 + v, solver="a", seed=k) for k, v in enumerate(NOISE)]
    assert ranked(rows) == {"NLHF": "1", "a": "2"}


def test_p_values_are_adjusted_for_all_games_of_a_table() -> None:
    """A difference of p = .04 tells apart in a table of one game, and not in one of four."""
    gaps = [0.1, 0.32, -0.01, 0.25, 0.2]

    def of(games: int) -> dict[str, str]:
        return ranked(
            [
                row("duality_gap", 0.3 + g * (solver == "b"), solver=solver, seed=seed, game=game)
                for game in "ghij"[:games]
                for solver in "ab"
                for seed, g in enumerate(gaps if game == "g" else [0.1, -0.1, 0.1, -0.1])
            ]
        )

    assert of(1) == {"a": "1", "b": "2"}
    assert of(4) == {"a": "1", "b": "1"}


def test_prompts_of_a_seed_are_one_repetition() -> None:
    """Three seeds of nine prompts are three repetitions, which differ too much, not 27."""
    rows = [
        row("duality_gap", v + 0.01 * prompt, solver=name, seed=seed, context=prompt, scale="llm")
        for name, column in {"a": [0.1, 0.2, 0.3], "b": [0.15, 0.3, 0.6]}.items()
        for seed, v in enumerate(column)
        for prompt in range(9)
    ]
    assert set(ranked(rows).values()) == {"1"}


def test_without_rows_of_the_metric_there_is_no_rank() -> None:
    rows = describe(framed([row("entropy", 0.1)]))
    assert rank_groups(rows, ["game"], "duality_gap").empty


@given(st.sets(st.sampled_from(list(combinations("abcde", 2)))))
def test_groups_are_the_largest_sets_that_are_not_told_apart(different: set[Any]) -> None:
    subsets = [set(s) for k in range(1, 6) for s in combinations("abcde", k)]
    alike = [s for s in subsets if not any({*pair} <= s for pair in different)]
    largest = [s for s in alike if not any(s < other for other in alike)]
    found = [set(group) for group in _cliques("abcde", sorted(different))]
    assert sorted(map(sorted, found)) == sorted(map(sorted, largest))


def test_ranks_are_text_indexed_by_game_and_method() -> None:
    groups = rank_groups(describe(framed([row("duality_gap", 0.1)])), ["game"], "duality_gap")
    assert isinstance(groups, pd.Series)
    assert groups.index.names == ["game", "method"]
