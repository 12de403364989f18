"""Self-play with other divergences, embedded scores, and iterated best-of-N: where they end."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from scipy import optimize, special
from scipy.linalg import schur

from games import Comparisons, PreferenceGame, measures, numerics
from games.estimation import log_loss
from games.game import Float
from solvers import rspo
from solvers.exact.divergence_nash import chi_square_nash, mixed_kl_nash
from solvers.exact.roots import decreasing_root, wright_omega
from solvers.gpo import Embedding, Gpo
from solvers.iterated_best_of_n import IteratedBestOfN
from solvers.nlhf_exact import NlhfExact
from solvers.rspo import Rspo
from tests.golden_games import GOLDEN, NAMES, golden_game, tv
from tests.paper_games import random_games
from tests.solvers.self_play_game import run, solved

# Other divergences


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("divergence", rspo.DIVERGENCES)
def test_rspo_reaches_the_equilibrium_of_its_divergence(name: str, divergence: Any) -> None:
    game, solver = golden_game(name), Rspo(0.1, divergence)
    want = solver.target(game)
    assert want.certificate.holds
    assert tv(game.ref, want.policy) > 0.05
    solution = solved(solver, game, 2_000)
    assert tv(solution.policy, want.policy) < 1e-9
    other = NlhfExact(0.1).solve(game).policy
    assert (tv(want.policy, other) < 1e-9) == (divergence == "reverse_kl")


def test_rspo_on_rock_paper_scissors_by_published_numbers() -> None:
    numbers: list[tuple[Any, list[float]]] = [
        ("forward_kl", [0.415, 0.237, 0.348]),
        ("chi_square", [0.641, 0.131, 0.228]),
        ("reverse_kl", GOLDEN["rps"]["tau=0.1"]["qre"]),
    ]
    for divergence, want in numbers:
        policy = solved(Rspo(0.1, divergence, 0.3), golden_game("rps"), 2_000).policy
        np.testing.assert_allclose(policy, want, atol=6e-4)


@pytest.mark.parametrize("n", [2, 3, 8, 20])
@pytest.mark.parametrize("tau", [1e-3, 0.05, 2.0])
def test_divergence_equilibria_satisfy_their_conditions(n: int, tau: float) -> None:
    games = random_games(n, 30, n)
    for solver in (Rspo(tau), Rspo(tau, "forward_kl"), Rspo(tau, "mixed_kl", forward=0.2)):
        target = solver.target(games)
        assert target.certificate.holds.all()
        assert abs(target.policy.sum(-1) - 1).max() < 1e-12
    # small weights: chi-square leaves answers unused, forward KL never does
    if tau < 0.01 and n > 2:
        assert (chi_square_nash(games.P[0], games.ref[0], tau) == 0).any()
        assert (mixed_kl_nash(games.P[0], games.ref[0], tau, 1.0) > 0).all()


SLOPES: dict[str, Callable[[Float, Float], Float]] = {
    "chi_square": lambda p, ref: 2 * p / ref,
    "forward_kl": lambda p, ref: -ref / p,
    "reverse_kl": lambda p, ref: np.log(p / ref),
    "mixed_kl": lambda p, ref: 0.8 * np.log(p / ref) - 0.2 * ref / p,
}
DISTANCES: dict[str, Callable[[Float, Float], float]] = {
    "chi_square": lambda p, ref: float(((p - ref) ** 2 / ref).sum()),
    "forward_kl": lambda p, ref: float((ref * np.log(ref / p)).sum()),
    "reverse_kl": lambda p, ref: float((p * np.log(p / ref)).sum()),
    "mixed_kl": lambda p, ref: (
        0.2 * float((ref * np.log(ref / p)).sum()) + 0.8 * float((p * np.log(p / ref)).sum())
    ),
}
"""The divergences once more, and their derivatives; "mixed_kl" at forward = 0.2."""


@pytest.mark.parametrize("divergence", rspo.DIVERGENCES)
def test_the_equilibrium_by_kkt_and_by_another_optimiser(divergence: Any) -> None:
    """(P pi)_i - tau dD/dp_i is constant, and pi is what maximises the payoff against itself."""
    games, tau = random_games(7, 6, 4), 0.3
    target = Rspo(tau, divergence, forward=0.2).target(games)
    for P, ref, pi in zip(games.P, games.ref, target.policy, strict=True):
        assert tv(pi, ref) > 0.01
        gain = P @ pi - tau * SLOPES[divergence](pi, ref)
        assert np.ptp(gain[pi > 0]) < 1e-10

        def loss(theta: Float, P: Float = P, ref: Float = ref, pi: Float = pi) -> float:
            p = special.softmax(theta)
            return float(tau * DISTANCES[divergence](p, ref) - p @ P @ pi)

        best = optimize.minimize(loss, np.log(ref), method="BFGS", options={"gtol": 1e-9})
        np.testing.assert_allclose(special.softmax(best.x), pi, atol=1e-5)


@pytest.mark.parametrize("divergence", rspo.DIVERGENCES)
def test_the_loss_of_the_paper_settles_at_half_lambda_over_eta(divergence: Any) -> None:
    """E_pi_t [log pi / pi_t - eta (P(y > pi_t) - 1/2)]^2 + lambda D(pi, ref), differentiated."""
    game, eta, weight = random_games(7, 1, 4).at(0), 0.8, 0.5

    def slope(theta: Float) -> Float:
        pi_t = special.softmax(theta)
        goal = eta * (game.P @ pi_t - 0.5)

        def loss(logits: Float) -> float:
            log_pi = special.log_softmax(logits)
            fit = pi_t @ (log_pi - np.log(pi_t) - goal) ** 2
            return float(fit + weight * DISTANCES[divergence](np.exp(log_pi), game.ref))

        return np.array([(loss(theta + e) - loss(theta - e)) / 2e-4 for e in 1e-4 * np.eye(4)])

    theta = game.log_ref
    for _ in range(1_500):
        theta = theta - 0.5 * slope(theta)
    end = special.softmax(theta)
    assert tv(end, game.ref) > 0.04
    assert tv(end, Rspo(weight / (2 * eta), divergence, forward=0.2).target(game).policy) < 1e-6
    assert tv(end, Rspo(weight, divergence, forward=0.2).target(game).policy) > 0.01


def test_a_mean_of_both_directions_has_its_ends_and_lies_between() -> None:
    game = golden_game("mix6")
    ends = [Rspo(0.1, "mixed_kl", forward=share).target(game).policy for share in (0.0, 1.0)]
    for kind, end in (("reverse_kl", ends[0]), ("forward_kl", ends[1])):
        assert tv(Rspo(0.1, kind).target(game).policy, end) < 1e-12  # type: ignore[arg-type]
    half = Rspo(0.1, "mixed_kl").target(game).policy
    assert min(tv(half, end) for end in ends) > 0.005
    tiny = Rspo(0.001, "mixed_kl", forward=0.01).target(game)
    assert tiny.certificate.holds
    assert tiny.policy.min() > 0


def test_roots() -> None:
    total = np.linspace(-60, 600, 2_001)
    for weight in (0.0, 1e-300, 1e-8, 0.1, 30.0, 1e3):
        x = wright_omega(np.full_like(total, weight), total)
        off = abs(x + weight * np.exp(x) - total) / np.maximum(1, abs(total))
        assert off.max() < 1e-13
    centre = np.linspace(-5, 5, 101)
    root = decreasing_root(
        lambda x: (centre**3 - x**3, -3 * x**2), np.full(101, -9.0), np.full(101, 11.0)
    )
    np.testing.assert_allclose(root, centre, atol=1e-5)


# Embedded scores


@pytest.mark.parametrize("name", NAMES)
def test_gpo_reaches_the_equilibrium_of_the_scores(name: str) -> None:
    game = golden_game(name)
    target = Gpo().target(game).policy
    assert tv(game.ref, target) > 0.05
    solution = solved(Gpo(0.2), game, 6_000)
    assert solution.trace is not None
    assert tv(solution.policy, target) < 0.02
    assert solution.certificate.residual < 0.02
    last = solution.trace.policies[-1]
    assert (Gpo().scores(game) @ last).max() > 0.05


def test_the_equilibrium_of_the_scores_is_not_that_of_the_preferences() -> None:
    game = golden_game("rand10")
    used = [2, 5, 7]
    scores, preferences = Gpo().target(game), NlhfExact(0.0).solve(game)
    np.testing.assert_allclose(scores.policy[used], [0.486, 0.256, 0.258], atol=6e-4)
    np.testing.assert_allclose(preferences.policy[used], [0.446, 0.276, 0.278], atol=6e-4)


@pytest.mark.parametrize(
    ("name", "dimension", "want"),
    [("rand10", 2, 0.63), ("rand10", 4, 0.39), ("rand10", 6, 0.27), ("mix6", 2, 0.115)],
)
def test_truncated_embeddings_lose_what_was_published(
    name: str, dimension: int, want: float
) -> None:
    game = golden_game(name)
    scores = Gpo(dimension=dimension, embedding="projected").scores(game)
    np.testing.assert_allclose(scores, -scores.T, atol=1e-13)
    assert abs(1 / (1 + np.exp(-scores)) - game.P).max() == pytest.approx(want, abs=6e-3)
    # the same by the real Schur form: v_i' R v_j with one rotation a pair
    blocks, basis = schur(np.log(game.P / (1 - game.P)))
    pairs = sorted(range(0, game.n, 2), key=lambda k: -abs(blocks[k, k + 1]))[: dimension // 2]
    embedded = np.zeros_like(scores)
    for k in pairs:
        size = blocks[k, k + 1]
        u, v = basis[:, k], basis[:, k + 1]
        embedded += size * (np.outer(u, v) - np.outer(v, u))
    np.testing.assert_allclose(scores, embedded, atol=1e-12)


def test_full_rank_is_exact_for_even_and_odd_sizes() -> None:
    for n in (2, 3, 7, 8):
        games = random_games(n, 5, n)
        want = np.log(games.P / (1 - games.P))
        for dimension in (0, n - n % 2, 2 * n):
            for embedding in get_args(Embedding):
                scores = Gpo(dimension=dimension, embedding=embedding).scores(games)
                np.testing.assert_allclose(scores, want, atol=1e-11)


def test_below_full_rank_the_fitted_embedding_is_likelier_and_has_another_equilibrium() -> None:
    games = random_games(0, 30, 10)
    pairs = 45 * (np.log(2) - log_loss(games, Comparisons(games.P * (1 - np.eye(10)))))
    assert pairs.min() > 5, "there is much to fit"
    distance = {}
    for dimension in (2, 4):
        fitted, projection = (Gpo(dimension=dimension, embedding=e) for e in get_args(Embedding))
        losses = []
        for solver in (fitted, projection):
            S = solver.scores(games)
            np.testing.assert_array_equal(np.linalg.matrix_rank(S, tol=1e-6), dimension)
            losses.append((games.P * np.logaddexp(0, -S)).sum((-1, -2)))
            assert solver.target(games).certificate.holds.all()
        assert (losses[0] < losses[1] - 1e-3).all()
        nearest = (solver.target(games).policy for solver in (fitted, projection))
        distance[dimension] = numerics.total_variation(*nearest)
    assert distance[4].max() > 0.56
    assert np.median(distance[4]) == pytest.approx(0.09, abs=0.03)


def test_the_default_embedding_of_gpo_is_the_fitted_one_and_reaches_its_target() -> None:
    game = golden_game("rand10")
    solver = Gpo(0.2, 4)
    assert solver.embedding == "fitted"
    scores = solver.scores(game)
    assert max(scores @ game.ref) > 0.5
    for policy in (solver.target(game).policy, solved(solver, game, 6_000).policy):
        assert max(scores @ policy) < 0.02  # an equilibrium is not unique at a low rank


def test_certain_preferences_have_no_embedding() -> None:
    game = PreferenceGame([[[0.5, 1], [0, 0.5]], [[0.5, 0.6], [0.4, 0.5]]])
    for solution in (Gpo().solve(game), Gpo().target(game)):
        assert (solution.status == "undefined").tolist() == [True, False]
        assert np.isnan(solution.policy).all(-1).tolist() == [True, False]
        assert "log-odds" in solution.message[0]
        assert solution.message[1] == ""


# Iterated best-of-N


@pytest.mark.parametrize("name", NAMES)
def test_iterated_best_of_two_reaches_its_own_fixed_point(name: str) -> None:
    game, solver = golden_game(name), IteratedBestOfN(2, 0.1)
    target = solver.target(game)
    assert target is not None
    assert target.certificate.holds
    assert tv(game.ref, target.policy) > 0.05
    policy = solved(solver, game, 4_000).policy
    assert tv(policy, target.policy) < 1e-11
    # k = .9 / .1
    off = np.log(policy / game.ref) - 9 * np.log(game.P @ policy)
    assert np.ptp(off) < 1e-9
    # near 1/2, k log P pi is 2 k (P pi - 1/2): about the equilibrium at tau = 1 / 18, but not it
    assert tv(policy, NlhfExact(1 / 18).solve(game).policy) > 0.001


@pytest.mark.parametrize("name", ["rps", "rand10"])
def test_iterated_best_of_four_does_not_converge(name: str) -> None:
    game, solver = golden_game(name), IteratedBestOfN(4, 0.1)
    target = solver.target(game)
    assert target is not None
    assert target.certificate.holds
    late = np.array([solver.policy(state) for state in run(solver, game, 3_000)[2_000:]])
    assert numerics.total_variation(late, target.policy).max() > 0.2
    assert abs(np.diff(late, axis=0)).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_without_mixing_best_of_n_ends_far_from_a_lottery(name: str) -> None:
    game, solver = golden_game(name), IteratedBestOfN(4, 0.0)
    assert solver.target(game) is None
    late = [solver.policy(state) for state in run(solver, game, 2_000)[1_000:]]
    assert measures.duality_gap(game, np.array(late)).max() > 0.3
