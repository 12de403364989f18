"""The harness of planted bugs: what is not planted or not noticed fails, and none is lost."""

import importlib
import importlib.util
from typing import Any

import numpy as np
import pytest

from games import measures
from games.catalogue import make
from solvers.sampling import NO_DRAWS
from solvers.sppo import Sppo
from tests.mutants import Mutant, NotPlantedError, assert_noticed, collected

PLANTED = {
    "tests/games/estimation/test_estimators.py": 41,
    "tests/games/test_drawn_families.py": 14,
    "tests/games/test_measures_by_hand.py": 24,
    "tests/llm/test_learner_mutants.py": 35,
    "tests/solvers/golden/test_baselines.py": 27,
    "tests/solvers/golden/test_dataset_fits.py": 19,
    "tests/solvers/golden/test_exact.py": 50,
    "tests/solvers/golden/test_mirror_descent.py": 41,
    "tests/solvers/golden/test_nash_gradients.py": 12,
    "tests/solvers/golden/test_rewards.py": 19,
    "tests/solvers/golden/test_self_play.py": 31,
    "tests/solvers/golden/test_stackelberg.py": 25,
    "tests/solvers/test_unique_lotteries.py": 20,
    "tests/tabular/test_answering.py": 17,
    "tests/tabular/test_consistency.py": 14,
    "tests/tabular/test_data_sensitivity_estimated.py": 15,
    "tests/tabular/test_derivatives.py": 15,
    "tests/tabular/test_frequency.py": 5,
    "tests/tabular/test_incentives.py": 9,
    "tests/tabular/test_linearisation.py": 25,
    "tests/tabular/test_matching.py": 8,
    "tests/tabular/test_over_optimisation.py": 12,
    "tests/tabular/test_robustness.py": 18,
    "tests/tabular/test_robustness_data.py": 18,
    "tests/tabular/test_robustness_paths.py": 20,
    "tests/tabular/test_round_robin.py": 10,
    "tests/tabular/test_smallest_flip.py": 9,
}
"""Test file -> how many bugs it plants at least: a new method adds its own, none is dropped."""


def test_no_list_of_mutants_is_lost_and_every_snippet_stands_where_it_is_planted() -> None:
    lists = collected()
    expected = dict(PLANTED)
    if importlib.util.find_spec("torch") is None:
        expected = {name: count for name, count in PLANTED.items() if "/llm/" not in name}
    lost = {name for name, count in expected.items() if len(lists.get(name, ())) < count}
    assert not lost
    for planted in lists.values():
        texts = [mutant for mutant in planted if isinstance(mutant, Mutant)]
        assert len(set(map(str, texts))) == len(texts)
        for mutant in texts:
            mutant.home()


GAP = ("2 * rates.max(-1) - 1", "rates.max(-1)")


def notices_nothing(subject: Any) -> None:
    assert subject is not None


def fails(subject: Any) -> None:
    raise AssertionError("although nothing was planted")


@pytest.mark.parametrize(
    ("subject", "old", "new", "why"),
    [
        (measures, "not in the source", "", "0 times in games.measures"),
        (measures, "import", "", r"\d+ times in games.measures"),
        (measures, GAP[0], GAP[0], "replaced by itself"),
        (
            Sppo,
            "not in the source",
            "",
            "0 times in solvers.sppo, 0 times in",
        ),
        (Sppo, "import", "", r"\d+ times in solvers.sppo"),
    ],
)
def test_a_snippet_that_does_not_stand_once_fails_even_where_the_check_would_fail(
    subject: Any, old: str, new: str, why: str
) -> None:
    with pytest.raises(NotPlantedError, match=why):
        assert_noticed(Mutant(subject, old, new), fails)


def finds_the_gap(subject: Any) -> None:
    game = make("condorcet")
    policy = np.array([1.0, 0.0, 0.0])
    assert np.isclose(subject.duality_gap(game, policy), 2 * game.P[:, 0].max() - 1)


def test_a_check_that_fails_without_the_bug_notices_nothing() -> None:
    with pytest.raises(AssertionError, match="nothing was planted"):
        assert_noticed(Mutant(measures, *GAP), fails)


def test_a_mutant_that_no_check_notices_fails() -> None:
    assert_noticed(Mutant(measures, *GAP), finds_the_gap)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        assert_noticed(Mutant(measures, *GAP), notices_nothing)


def test_an_error_that_is_not_expected_is_not_taken_for_a_notice() -> None:
    def stumbles(subject: Any) -> None:
        try:
            finds_the_gap(subject)
        except AssertionError:
            _ = subject.no_such_name

    with pytest.raises(AttributeError):
        assert_noticed(Mutant(measures, *GAP), stumbles)


def takes_a_step(kind: Any) -> None:
    game = make("condorcet")
    kind().step(game, kind().init(game, None), NO_DRAWS)


def test_a_bug_in_a_base_is_planted_in_the_base_and_shows_in_the_subject() -> None:
    mutant = Mutant(Sppo, "np.zeros_like(game.log_ref)", "1 / 0")
    assert mutant.home() == "solvers.self_play_mwu"
    assert_noticed(mutant, takes_a_step, ZeroDivisionError)
    assert importlib.import_module("solvers.sppo").Sppo is Sppo
    takes_a_step(Sppo)


def test_a_bug_in_what_the_subject_imports_shows_in_the_subject() -> None:
    mutant = Mutant(Sppo, "return np.asarray(at)", "return 1 / 0", "solvers.exact.roots")
    assert_noticed(mutant, takes_a_step, ZeroDivisionError)
    with pytest.raises(NotPlantedError, match=r"0 times in solvers\.exact\.roots"):
        Mutant(Sppo, "total / total.sum", "", "solvers.exact.roots").plant()
