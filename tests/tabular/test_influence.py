"""Influence: leaving labels out against solving again, and what the experiment yields."""

import numpy as np
import pytest

from games import Comparisons, PreferenceGame, SpecError
from games.catalogue import make
from solvers import SOLVERS, Solver
from tabular import EXPERIMENTS, MatchedKl
from tabular.derivatives import derivative
from tabular.influence import condition_number, influence, pair_influence
from tests.measured import measured, select, values
from tests.paper_games import random_games, three_annotators

RLHF, NLHF, SLHF = (SOLVERS[f"{name}_exact"] for name in ("rlhf", "nlhf", "slhf"))


@pytest.mark.parametrize(
    "solver", [RLHF(tau=0.3), NLHF(tau=0.1), SLHF(0.1, 0.2), MatchedKl(RLHF, 0.2)], ids=str
)
def test_leaving_labels_out_is_first_order_in_their_number(solver: Solver) -> None:
    """The error of the prediction falls as the square of what is left out."""
    game = random_games(7, 1, 4).at(0)
    weights = np.array([[0, 3, 1, 2], [3, 0, 2, 1], [1, 2, 0, 4], [2, 1, 4, 0]]) * 1000.0
    data = Comparisons(weights * (0.6 * game.P + 0.2))
    share = np.zeros((4, 4))
    share[0, 1], share[1, 0], share[2, 3] = 40, 10, 30
    sets = np.stack([share, share / 4])
    predicted = influence(solver, data, sets, game)
    answer = solver.solve(
        PreferenceGame(data.game().P, game.ref, game.ref_follower, data.pairs)
    ).policy
    errors, moves = [], []
    for k, part in enumerate(sets):
        fewer = Comparisons(data.wins - part)
        after = solver.solve(
            PreferenceGame(fewer.game().P, game.ref, game.ref_follower, fewer.pairs)
        ).policy
        errors.append(abs(predicted[k] - (after - answer)).max())
        moves.append(abs(after - answer).max())
    assert moves[0] > 20 * errors[0] > 0
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.25)
    assert moves[0] / moves[1] == pytest.approx(4, rel=0.1)


def test_the_condition_number_is_the_largest_influence_over_root_n() -> None:
    game = three_annotators()
    response = derivative(NLHF(tau=0.1), game)
    size = pair_influence(response)
    by_hand = max(
        abs(response.by_P[:, i, j]).sum() / np.sqrt(n)
        for (i, j), n in {(0, 1): 4.0, (0, 2): 1.0, (1, 2): 9.0}.items()
    )
    pairs = np.array([[0, 4, 1], [4, 0, 9], [1, 9, 0]], float)
    assert condition_number(response, pairs) == pytest.approx(by_hand)
    without = pairs * (pairs != 1)  # the pair (0, 2) was never compared
    least = max(size[0, 1] / 2, size[1, 2] / 3)
    assert condition_number(response, without) == pytest.approx(least)


def test_two_answers_sharpen_rlhf_by_hand() -> None:
    """|d pi|_1 = 2 pi_0 pi_1 / (tau p (1 - p)) for RLHF, 2 pi_0 pi_1 / tau for NLHF."""
    game = PreferenceGame([[0.5, 0.8], [0.2, 0.5]])
    tau = 2.0
    for solver in (RLHF(tau=tau), NLHF(tau=tau)):
        rows = measured("influence", game, solver)
        for factor in (1.0, 2.0, 4.0, 8.0):
            p = 1 / (1 + 4**-factor)
            sharper = PreferenceGame([[0.5, p], [1 - p, 0.5]])
            pi = solver.solve(sharper).policy
            slope = p * (1 - p) if solver.concept == "rlhf" else 1.0
            expected = 2 * pi[0] * pi[1] / (tau * slope)
            assert values(rows, "condition_number", sharpness=factor) == pytest.approx([expected])
    rlhf = values(measured("influence", game, RLHF(tau=tau)), "condition_number")
    nlhf = values(measured("influence", game, NLHF(tau=tau)), "condition_number")
    assert rlhf[-1] / rlhf[0] > 100  # nearly certain preferences: without bound
    assert nlhf[-1] / nlhf[0] < 1


def test_every_pair_has_a_row_and_the_flip_is_of_equally_many_labels() -> None:
    rows = measured("influence", three_annotators(), SLHF(0.0, 0.0), labels_a_pair=20)
    pairs = [m.labels["pair"] for m in select(rows, "pair_influence")]
    assert pairs == [["A", "B"], ["A", "C"], ["B", "C"]]
    # worst rates 8/20, 7/20, 5/20: one label less for A, or one more for B
    assert values(rows, "smallest_flip", labels_a_pair=20) == [1.0]
    assert values(rows, "smallest_flip_at_least", labels_a_pair=20) == [1.0]


def test_what_does_not_exist_is_a_row_with_a_reason() -> None:
    rows = measured("influence", make({"name": "rock_paper_scissors"}), SLHF(0.0, 0.0))
    (first, *_) = select(rows, "condition_number")
    assert first.status == "undefined"
    assert "tie at tau = 0" in first.message
    assert values(rows, "smallest_flip") == [0.0]
    certain = PreferenceGame([[0.5, 1.0], [0.0, 0.5]])
    rows = measured("influence", certain, RLHF(tau=0.1))
    assert {m.status for m in rows} == {"undefined"}
    assert all(m.message for m in rows)
    batch = measured("influence", random_games(1, 2, 3), NLHF(tau=0.1), labels_a_pair=10)
    assert [m.context for m in select(batch, "smallest_flip")] == [0, 1]
    assert len(select(batch, "condition_number")) == 8
    many = measured("influence", random_games(1, 2, 3), NLHF(tau=0.1), most_contexts=1)
    (flip,) = select(many, "smallest_flip")
    assert flip.status == "skipped"
    (alone,) = measured("influence", PreferenceGame([[0.5]]), NLHF(tau=0.1))
    assert alone.status == "skipped"


def test_nothing_is_drawn() -> None:
    assert not EXPERIMENTS["influence"]().draws


@pytest.mark.parametrize("params", [{"labels_a_pair": 0}, {"most_answers": 1}, {"most_sets": 0}])
def test_numbers_out_of_range_are_refused(params: dict[str, int]) -> None:
    with pytest.raises(SpecError, match="influence"):
        EXPERIMENTS["influence"](**params)
