"""How far answers move when one pair is missing: at equal temperature and at equal strength."""

import numpy as np
import pytest

from games.catalogue import make
from solvers import SOLVERS, Solver
from tabular import MatchedKl
from tests.measured import measured, select

EXACT = ("rlhf_exact", "nlhf_exact", "slhf_exact")


def mean_shift(game: str, solver: Solver) -> float:
    """Over pairs that are left out in turn; RLHF drops them, for the others they are ties."""
    laddered = make({"name": "laddered", "game": game, "ratio": 8.0})
    rows = measured("data_sensitivity", laddered, solver, setting="estimated")
    unseen = "dropped" if solver.concept == "rlhf" else "filled"
    shifts = select(rows, "shift", change="missing", unseen=unseen)
    return float(np.mean([m.value for m in shifts]))


def shifts(game: str, *, tau: float | None = None, kl: float | None = None) -> list[float]:
    """The mean shifts of RLHF, NLHF and SLHF."""
    kinds = [SOLVERS[name] for name in EXACT]
    matched = [MatchedKl(kind, kl or 1.0) for kind in kinds]
    return [mean_shift(game, m if tau is None else m.at_tau(tau)) for m in matched]


def test_at_equal_temperature_rlhf_moves_most_because_it_goes_farthest() -> None:
    cycle, ranked = shifts("condorcet", tau=0.1), shifts("bradley_terry", tau=0.1)
    np.testing.assert_allclose(cycle, [0.626, 0.108, 0.061], atol=5e-4)
    np.testing.assert_allclose(ranked, [0.000, 0.052, 0.042], atol=5e-4)
    np.testing.assert_allclose(
        shifts("glasgow_govan_2007", tau=0.1), [0.012, 0.008, 0.015], atol=5e-4
    )


def test_at_equal_strength_rlhf_moves_more_on_a_cycle_and_less_elsewhere() -> None:
    np.testing.assert_allclose(shifts("condorcet", kl=0.03), [0.120, 0.083, 0.083], atol=5e-4)
    rlhf, _, slhf = shifts("condorcet", kl=0.1)
    assert [rlhf, slhf] == pytest.approx([0.223, 0.150], abs=5e-4)
    np.testing.assert_allclose(shifts("bradley_terry", kl=0.3), [0.000, 0.044, 0.037], atol=5e-4)
    election = shifts("glasgow_govan_2007", kl=0.3)
    np.testing.assert_allclose(election, [0.002, 0.009, 0.013], atol=5e-4)
