"""The calibration of audits: what is drawn, and rates that are right where theory gives them."""

from collections import defaultdict

import numpy as np
import pytest

from games import PreferenceGame, SpecError
from games.catalogue import make
from solvers import SOLVERS, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.calibration import Calibration, _outcomes

TRANSITIVE, CYCLIC = make({"name": "bradley_terry"}), make({"name": "condorcet"})


def rates(experiment: Calibration, solver: Solver, game: PreferenceGame) -> dict[str, float]:
    """Metric -> mean over three seeds."""
    found = defaultdict(list)
    for seed in range(3):
        rng_for = lambda role, *key: np.random.default_rng([seed, len(role), *key])  # noqa: B023, E731
        for m in experiment.measure(game, solver, rng_for):
            assert (m.status, m.labels["answers"]) == ("ok", game.n)
            found[m.metric].append(m.value)
    return {metric: float(np.mean(values)) for metric, values in found.items()}


@pytest.mark.parametrize("copies", [1, 3])
def test_where_rewards_are_true_they_are_seldom_rejected(copies: int) -> None:
    experiment = Calibration(per_pair=20, copies=copies, data_sets=20, bootstrap=50)
    found = rates(experiment, NlhfExact(0.1), TRANSITIVE)
    assert set(found) == {"rejection_rate", "p_value", "cycle_rate", "interval_coverage"}
    assert 0.3 < found["p_value"] < 0.7
    assert found["rejection_rate"] <= 0.15
    assert found["cycle_rate"] == 0
    assert 0.85 <= found["interval_coverage"] <= 1


def test_a_cycle_is_found_in_large_data() -> None:
    found = rates(Calibration(per_pair=400, data_sets=5, bootstrap=10), RlhfExact(0.1), CYCLIC)
    assert found["rejection_rate"] == 1
    assert found["cycle_rate"] > 0.5


def test_sets_without_a_penalty() -> None:
    quick = {"data_sets": 6, "tests": 9, "bootstrap": 40}
    few, many = Calibration(per_pair=10, **quick), Calibration(per_pair=2000, **quick)
    for solver in (RlhfExact(0.0), NlhfExact(0.0), SlhfExact(0.0, 0.0)):
        small, large = rates(few, solver, TRANSITIVE), rates(many, solver, TRANSITIVE)
        assert "interval_coverage" not in small
        assert min(small["set_coverage"], large["set_coverage"]) >= 0.95
        assert small["set_size"] > large["set_size"] == 1


def test_outcomes_have_the_odds_of_the_game() -> None:
    win, tie = _outcomes(CYCLIC.P, 1.0)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose((win + win.T + tie)[off], 1)
    np.testing.assert_allclose((win / win.T)[off], (CYCLIC.P / CYCLIC.P.T)[off])
    assert tie[off].min() > 0.2
    np.testing.assert_allclose(_outcomes(CYCLIC.P, 0.0)[0], CYCLIC.P)


def test_what_cannot_be_calibrated_is_skipped() -> None:
    rng_for = lambda *_: np.random.default_rng(0)  # noqa: E731
    certain = PreferenceGame([[0.5, 1.0], [0.0, 0.5]])
    for game, solver in ((certain, NlhfExact(0.1)), (TRANSITIVE, SOLVERS["borda"]())):
        (only,) = Calibration().measure(game, solver, rng_for)
        assert only.status == "skipped"
        assert only.message
    for wrong in ({"per_pair": 0}, {"nu": -1.0}, {"tests": 1}):
        with pytest.raises(SpecError, match="calibration"):
            Calibration(**wrong)
