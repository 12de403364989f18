"""SLHF by optimising its objective directly, its limits and ties, and its certificate."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.optimize import minimize

from games import PreferenceGame, ScoreGame, SolverError, measures
from games.game import Float
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tests.paper_games import random_games, three_annotators
from tests.strategies import LAW, SHORT, TAUS, games, table


def objective(
    game: PreferenceGame, leader: Float, follower: Float, tau_leader: float, tau_follower: float
) -> float:
    """Eq. (5): E_y [E_y' P(y > y') + tau_F KL(omega(y) | ref_F(y))] - tau_L KL(pi | ref)."""
    total = -tau_leader * float(special.rel_entr(leader, game.ref).sum())
    reference = np.exp(game.log_ref_follower(slice(None)) + np.zeros_like(game.P))
    for y in range(game.n):
        cost = special.rel_entr(follower[y], reference[y]).sum()
        total += leader[y] * float(follower[y] @ game.P[y] + tau_follower * cost)
    return total


@SHORT
@given(games(min_n=2, max_n=3), st.sampled_from([0.1, 0.5]), st.sampled_from([0.2, 1.0]))
def test_best_reply_then_best_lead(
    game: PreferenceGame, tau_leader: float, tau_follower: float
) -> None:
    """Minimise over the follower given each answer, then maximise over the leader."""
    n = game.n
    solution = SlhfExact(tau_leader, tau_follower).solve(game)
    options: Any = {"gtol": 1e-9}
    follower = np.zeros((n, n))
    for y in range(n):

        def paid(logits: Float, y: int = y) -> float:
            replies = np.tile(special.softmax(logits), (n, 1))
            return objective(game, np.eye(n)[y], replies, 0.0, tau_follower)

        result = minimize(paid, np.zeros(n), method="BFGS", options=options)
        follower[y] = special.softmax(result.x)

    def lost(logits: Float) -> float:
        lead = special.softmax(logits)
        return -objective(game, lead, follower, tau_leader, tau_follower)

    leader = special.softmax(minimize(lost, np.zeros(n), method="BFGS", options=options).x)
    assert solution.follower is not None
    np.testing.assert_allclose(solution.follower, follower, atol=2e-5)
    np.testing.assert_allclose(solution.policy, leader, atol=1e-4)
    value = objective(game, solution.policy, solution.follower, tau_leader, tau_follower)
    values = measures.follower_values(game, tau_follower)
    closed = tau_leader * special.logsumexp(np.log(game.ref) + values / tau_leader)
    assert value == pytest.approx(closed, abs=1e-12)


@LAW
@given(games(min_n=2), TAUS, TAUS, st.data())
def test_nobody_gains_by_deviating(
    game: PreferenceGame, tau_leader: float, tau_follower: float, data: st.DataObject
) -> None:
    solution = SlhfExact(tau_leader, tau_follower).solve(game)
    follower = solution.follower
    assert follower is not None
    value = objective(game, solution.policy, follower, tau_leader, tau_follower)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    for size in (0.01, 1.0):
        lead = (1 - size) * solution.policy + size * rng.dirichlet(np.ones(game.n))
        other = objective(game, lead, follower, tau_leader, tau_follower)
        assert other <= value + 1e-8
        replies = (1 - size) * follower + size * rng.dirichlet(np.ones(game.n), game.n)
        assert objective(game, lead, replies, tau_leader, tau_follower) >= other - 1e-8


def test_the_follower_does_not_depend_on_the_leader() -> None:
    game = random_games(1, 3, 5)
    rows = [SlhfExact(tau, 0.2).solve(game).follower for tau in (0.0, 0.01, 100.0)]
    for other in rows[1:]:
        np.testing.assert_array_equal(rows[0], other)


def test_asymmetric_weights_by_hand() -> None:
    game = PreferenceGame([[0.5, 0.8], [0.2, 0.5]], [0.3, 0.7], [[0.6, 0.4], [0.1, 0.9]])
    values = -0.5 * np.log(
        [0.6 * np.exp(-1) + 0.4 * np.exp(-1.6), 0.1 * np.exp(-0.4) + 0.9 * np.exp(-1)]
    )
    odds = np.log(3 / 7) + (values[0] - values[1]) / 0.1
    solution = SlhfExact(tau_leader=0.1, tau_follower=0.5).solve(game)
    assert special.logit(solution.policy[0]) == pytest.approx(odds, rel=1e-13)
    assert solution.follower is not None
    expected = [[special.expit(np.log(1.5) + 0.6)], [special.expit(np.log(1 / 9) + 0.6)]]
    np.testing.assert_allclose(solution.follower[:, :1], expected, rtol=1e-13)


TIED = PreferenceGame(
    # rows 0 and 1 have the same minimum 0.3: row 0 against answer 2, row 1 against 2 and 3
    table(np.array([[0] * 4, [0.5, 0, 0, 0], [0.7, 0.7, 0, 0], [0.2, 0.7, 0.9, 0]])),
    ref=[0.1, 0.3, 0.2, 0.4],
    ref_follower=[[0.25, 0.25, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4], [0.25] * 4, [0.25] * 4],
)


def test_ties_are_split_by_the_references() -> None:
    solution = SlhfExact(tau_leader=0, tau_follower=0).solve(TIED)
    np.testing.assert_allclose(measures.follower_values(TIED), [0.3, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(solution.policy, [0.25, 0.75, 0, 0], atol=1e-15)
    expected = np.array([[0, 0, 1, 0], [0, 0, 3 / 7, 4 / 7], [0, 0, 0, 1], [1, 0, 0, 0]])
    assert solution.follower is not None
    np.testing.assert_allclose(solution.follower, expected, atol=1e-15)


def test_the_order_of_the_limits_decides_between_tied_leaders() -> None:
    """tau_follower first: by ref. Both at once: by ref(y) / ref_follower(argmin P[y, .] | y)."""
    first = SlhfExact(tau_leader=1e-3, tau_follower=1e-6).solve(TIED).policy
    np.testing.assert_allclose(first, [0.25, 0.75, 0, 0], atol=5e-3)
    both = SlhfExact(tau_leader=1e-3, tau_follower=1e-3).solve(TIED).policy
    weights = np.array([0.1 / 0.3, 0.3 / (0.3 + 0.4), 0, 0])
    np.testing.assert_allclose(both, weights / weights.sum(), atol=1e-12)


def test_the_error_at_a_tie_falls_with_tau() -> None:
    """V is off by tau_follower log ref_follower(ties): first order, with tau_leader fixed."""
    tau_leader = 0.3
    limit = SlhfExact(tau_leader, 0).solve(TIED).policy
    errors = [abs(SlhfExact(tau_leader, t).solve(TIED).policy - limit).max() for t in (1e-3, 1e-4)]
    assert errors[0] > 1e-4
    assert 5 <= errors[0] / errors[1] <= 20


def test_sharp_limits_without_ties() -> None:
    game = three_annotators()
    limit = SlhfExact(0, 0).solve(game)
    np.testing.assert_array_equal(limit.policy, [1, 0, 0])
    for tau in (1e-3, 1e-5):
        near = SlhfExact(tau, tau).solve(game)
        np.testing.assert_allclose(near.policy, limit.policy, atol=1e-12)
        assert near.follower is not None
        np.testing.assert_allclose(near.follower, limit.follower, atol=1e-12)  # type: ignore[arg-type]


@LAW
@given(games())
def test_much_regularisation_gives_both_references(game: PreferenceGame) -> None:
    solution = SlhfExact(1e8, 1e8).solve(game)
    assert solution.follower is not None
    reference = np.exp(game.log_ref_follower(slice(None)) + np.zeros_like(game.P))
    np.testing.assert_allclose(solution.policy, game.ref, atol=1e-7)
    np.testing.assert_allclose(solution.follower, reference, atol=1e-7)
    against_mean = SlhfExact(0.1, 1e12).solve(game)
    tilt = np.log(game.ref) + (reference * game.P).sum(-1) / 0.1
    np.testing.assert_allclose(against_mean.policy, special.softmax(tilt), atol=1e-9)


@pytest.mark.parametrize("tau", [0.0, 0.1])
def test_rows_are_the_follower(tau: float) -> None:
    game, solver = random_games(2, 3, 5), SlhfExact(tau, tau)
    whole = solver.solve(game).follower
    assert whole is not None
    np.testing.assert_array_equal(solver.follower_rows(game, 2), whole[:, 2])
    np.testing.assert_array_equal(solver.follower_rows(game, slice(1, 4)), whole[:, 1:4])
    np.testing.assert_array_equal(solver.follower_rows(game, [3, 0]), whole[:, [3, 0]])


@pytest.mark.parametrize("tau", [0.0, 0.1])
def test_too_many_answers_for_a_table_are_certified_in_blocks(
    tau: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.linspace(-1, 1, 51)
    game = ScoreGame(np.stack([x, np.ones_like(x)], -1), [[0, 1], [-1, 0]], "logistic")
    solver = SlhfExact(tau, tau)
    whole = solver.solve(game)
    dense = solver.solve(PreferenceGame(game.P))
    np.testing.assert_allclose(whole.policy, dense.policy, atol=1e-12)
    monkeypatch.setattr("solvers.slhf_exact.DENSE_LIMIT", 50)
    monkeypatch.setattr("solvers.slhf_exact._BLOCK", 200)
    parts = solver.solve(game)
    assert parts.follower is None
    assert whole.follower is not None
    assert parts.certificate.holds
    np.testing.assert_array_equal(parts.policy, whole.policy)
    np.testing.assert_array_equal(parts.certificate.residual, whole.certificate.residual)


@pytest.mark.parametrize("solver", [NlhfExact(0.1), NlhfExact(0), RlhfExact(1)])
def test_factors_give_the_answer_of_their_table(solver: NlhfExact | RlhfExact) -> None:
    x = np.random.default_rng(0).normal(size=30)
    game = ScoreGame(np.stack([x, np.ones_like(x)], -1), [[0, 1], [-1, 0]], "logistic")
    dense = solver.solve(PreferenceGame(game.P)).policy
    np.testing.assert_allclose(solver.solve(game).policy, dense, atol=1e-11)


BAD: list[tuple[Any, str]] = [
    (lambda: SlhfExact(tau_leader=-1), r"SlhfExact: tau_leader is -1, expected a number in \[0,"),
    (lambda: SlhfExact(tau_follower=np.nan), "SlhfExact: tau_follower is nan"),
    (lambda: SlhfExact(tau_follower=True), "SlhfExact: tau_follower is True"),
    (lambda: NlhfExact(tau=np.inf), "NlhfExact: tau is inf"),
    (lambda: NlhfExact(tau="0.1"), "NlhfExact: tau is '0.1'"),  # type: ignore[arg-type]
    (lambda: RlhfExact(ridge=-0.5), "RlhfExact: ridge is -0.5"),
]


@pytest.mark.parametrize(("build", "message"), BAD, ids=[m for _, m in BAD])
def test_parameters_out_of_range_are_refused(build: Any, message: str) -> None:
    with pytest.raises(SolverError, match=message):
        build()


def test_parameters_may_be_numpy_numbers() -> None:
    game = random_games(0, 1, 3)
    for tau in (np.float32(0.5), np.float64(0.5)):
        solution = NlhfExact(tau).solve(game)  # type: ignore[arg-type]
        np.testing.assert_array_equal(solution.policy, NlhfExact(0.5).solve(game).policy)


@pytest.mark.parametrize(
    ("tau_leader", "tau_follower"), [(0.1, 0.1), (0.0, 0.1), (0.1, 0.0), (0, 0)]
)
def test_a_wrong_leader_or_follower_loses_its_certificate(
    tau_leader: float, tau_follower: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = random_games(6, 2, 4)
    solver = SlhfExact(tau_leader, tau_follower)
    assert solver.solve(game).certificate.holds.all()
    rows, values = solver.follower_rows(game, slice(None)), measures.follower_values
    worst = np.argsort(values(game, tau_follower)[1])

    with monkeypatch.context() as patch:
        shift = np.array([np.zeros(4), np.eye(4)[worst[0]]]) * (1e-8 if tau_leader > 0 else 1)
        patch.setattr(measures, "follower_values", lambda *given: values(*given) + shift)
        off = solver.solve(game)
        np.testing.assert_array_equal(off.certificate.holds, [True, False])
        np.testing.assert_array_equal(off.status, ["ok", "max_steps"])

    with monkeypatch.context() as patch:
        moved = rows.copy()
        moved[0, 1] = (1 - 1e-6) * moved[0, 1] + 1e-6 * np.eye(4)[game.P[0, 1].argmax()]
        patch.setattr(SlhfExact, "follower_rows", lambda *given: moved)
        np.testing.assert_array_equal(solver.solve(game).certificate.holds, [False, True])
