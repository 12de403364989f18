"""How far answers move when one pair is missing: at equal temperature and at equal strength."""

import numpy as np
import pytest

from games.catalogue import make
from solvers import SOLVERS, Solver
from tabular import MatchedKl
from tests.measured import measured, select

EXACT = ("rlhf_exact", "nlhf_exact", "slhf_exact")


def mean_shift(game: str, solver: Solver, unseen: str = "filled") -> float:
    """Over pairs that are left out in turn, on references with ratio 8."""
    laddered = make({"name": "laddered", "game": game, "ratio": 8.0})
    rows = measured("data_sensitivity", laddered, solver, setting="estimated")
    return float(np.mean([m.value for m in select(rows, "shift", change="missing", unseen=unseen)]))


def shifts(game: str, *, tau: float | None = None, kl: float | None = None) -> list[float]:
    """The mean shifts of RLHF that drops the pair, RLHF that fills it, NLHF and SLHF."""
    matched = [MatchedKl(SOLVERS[name], kl or 1.0) for name in EXACT]
    rlhf, nlhf, slhf = [m if tau is None else m.at_tau(tau) for m in matched]
    return [mean_shift(game, rlhf, "dropped"), *(mean_shift(game, s) for s in (rlhf, nlhf, slhf))]


def test_at_equal_temperature_rlhf_moves_most_on_a_cycle_because_it_goes_farthest() -> None:
    dropped, _, nlhf, slhf = shifts("condorcet", tau=0.1)
    assert [dropped, nlhf, slhf] == pytest.approx([0.626, 0.108, 0.061], abs=5e-4)


def test_at_equal_strength_the_order_depends_on_the_game_and_on_the_imputation() -> None:
    dropped, _, nlhf, slhf = shifts("condorcet", kl=0.03)
    assert [dropped, nlhf, slhf] == pytest.approx([0.120, 0.083, 0.083], abs=5e-4)
    ranked = shifts("bradley_terry", kl=0.3)
    np.testing.assert_allclose(ranked, [0.000, 0.050, 0.044, 0.037], atol=5e-4)
    election = shifts("glasgow_govan_2007", kl=0.3)
    np.testing.assert_allclose(election, [0.002, 0.021, 0.009, 0.013], atol=5e-4)
