"""Gradients by a third route: the population losses in plain numpy, differentiated numerically.

The derivative is a complex step, which has no cancellation: Im L(theta + i h) / h.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from benchmarks.conformance.learner import gradients
from games.game import Float
from llm.learners import LEARNERS
from llm.tasks import Task
from solvers.rlhf_exact import RlhfExact
from tests.small_models import cycle

GAME = replace(cycle(), names=("a", "b", "c"), ref=np.array([0.2, 0.35, 0.45]))
TASK = Task(GAME, ("which ?",), ("a", "b", "c"))
LEADER = np.array([0.4, -0.3, 0.9])
ROWS = np.array([[0.1, 0.6, -0.2], [-0.5, 0.3, 0.8], [0.7, -0.1, 0.2]])
OTHER = np.array([-0.6, 0.5, 0.2])

Loss = Callable[[Any, Float], Any]
"""(logits that are moved, logits that answers are drawn from) -> loss."""


def log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def softmax(x: Any) -> Any:
    return np.exp(log_softmax(x))


def slope(loss: Loss, at: Float) -> Float:
    derivative, h = np.zeros(at.shape), 1e-30
    for k in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[k] += 1j * h
        derivative[k] = loss(moved, at).imag / h
    return derivative


def log_ratio(theta: Any) -> Any:
    return log_softmax(theta) - GAME.log_ref


def kl(theta: Any, ref: Any) -> Any:
    return (softmax(theta) * (log_softmax(theta) - np.log(ref))).sum(-1)


def versus(opponent: Any) -> Any:
    return GAME.P @ opponent


def rewarded(tau: float) -> Loss:
    rewards = RlhfExact().rewards(GAME)
    return lambda theta, at: -(softmax(theta) @ rewards) + tau * kl(theta, GAME.ref)


def played(tau: float, mixture: float) -> Loss:
    def loss(theta: Any, at: Float) -> Any:
        opponent = softmax((1 - mixture) * log_softmax(at) + mixture * GAME.log_ref)
        return -(softmax(theta) @ versus(opponent)) + tau * kl(theta, GAME.ref)

    return loss


def on_pairs(
    drawn: Callable[[Float], Float], missed: Callable[[Any, Float], Any], loss: Any = np.square
) -> Loss:
    """Mean over pairs of ``loss(missed)``, with the probabilities ``drawn``."""
    return lambda theta, at: (drawn(at) * loss(missed(theta, at))).sum()


def gap(h: Any) -> Any:
    return h[:, None] - h[None, :]


def of_policy(at: Float) -> Float:
    return np.outer(softmax(at), softmax(at))


def of_last(at: Float) -> Float:
    return np.outer(softmax(OTHER), softmax(OTHER))


def of_data(at: Float) -> Float:
    wins = GAME.pair_weights * GAME.P
    return np.asarray(wins / wins.sum())


def online_ipo(theta: Any, at: Float) -> Any:
    return gap(log_ratio(theta)) - (GAME.P - 0.5) / 0.3


def egpo(theta: Any, at: Float) -> Any:
    """Squares of (gap - noise): the opponent's draw is averaged in the gradient."""
    return gap(log_ratio(theta)) - gap(versus(softmax(OTHER))) / 0.3


def inpo(theta: Any, at: Float) -> Any:
    anchor = 0.8 * log_softmax(OTHER) + 0.2 * GAME.log_ref  # eta tau = 0.2
    return gap(log_softmax(theta) - anchor) - (0.2 / 0.3) * (GAME.P - 0.5)


def sppo(theta: Any, at: Float) -> Any:
    last = softmax(OTHER)
    won = 1.7 * (versus(last) - 0.5)
    return (last * (log_softmax(theta) - log_softmax(OTHER) - won) ** 2).sum()


def dpo(theta: Any, at: Float) -> Any:
    return 0.3 * gap(log_ratio(theta))


def ipo(theta: Any, at: Float) -> Any:
    return gap(log_ratio(theta)) - 1 / (2 * 0.3)


def minus_log_sigmoid(x: Any) -> Any:
    return np.log(1 + np.exp(-x))


LOSSES: dict[str, tuple[dict[str, Any], Loss]] = {
    "rloo": ({"tau": 0.3}, rewarded(0.3)),
    "reinforce_reward": ({"tau": 0.3}, rewarded(0.3)),
    "nash_md_pg": ({"tau": 0.3, "mixture": 0.4}, played(0.3, 0.4)),
    "self_play_pg": ({"tau": 0.3}, played(0.3, 0.0)),
    "online_ipo": ({"tau": 0.3}, on_pairs(of_policy, online_ipo)),
    "egpo": ({"tau": 0.3}, on_pairs(of_policy, egpo)),
    "inpo": ({"tau": 0.3, "eta": 0.2 / 0.3}, on_pairs(of_last, inpo)),
    "sppo": ({"eta": 1.7}, sppo),
    "dpo": ({"tau": 0.3}, on_pairs(of_data, dpo, minus_log_sigmoid)),
    "ipo": ({"tau": 0.3}, on_pairs(of_data, ipo)),
}
"""Learners with one player: parameters, and the loss as written in their papers."""

GOLDEN = {
    "dpo": [-0.00199843, 0.05026939, -0.04827096],
    "egpo": [0.02042213, 0.79822261, -0.81864474],
    "inpo": [-0.55955473, 1.57808539, -1.01853066],
    "nash_md_pg": [-0.02635867, 0.05894457, -0.0325859],
    "rloo": [0.01334641, 0.13335949, -0.1467059],
    "sppo": [-0.36204699, 1.10785604, -0.74580905],
}
"""Minus the gradients of ``LOSSES``, as recorded."""


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_one_player(name: str) -> None:
    params, loss = LOSSES[name]
    learner = LEARNERS[name](**params)
    expected = slope(loss, LEADER)
    assert abs(expected).max() > 0.01
    tabular, follower = learner.tabular_gradient(GAME, LEADER, OTHER)
    assert follower is None
    np.testing.assert_allclose(tabular, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(enumerated(learner)[0], expected, rtol=0, atol=1e-6)


def enumerated(learner: Any) -> tuple[Float, Float]:
    """Enumerated gradients in the logits of leader and follower, for answers of one token."""
    (leader, *follower), _ = gradients(learner, GAME, TASK, (LEADER, ROWS, OTHER))
    rows = follower[0] if follower else leader
    assert leader.shape == (4, 4, 4)  # chats, what was said before, next token
    return leader[0, 0, 1:], rows[1:, 0, 1:]


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("separate", [False, True])
def test_two_players(separate: bool, as_published: bool) -> None:
    """Each player's gradient is that of its objective with the other player fixed."""
    tau_leader, tau_follower, kappa = 0.3, 0.6, 2.5
    learner = LEARNERS["stackelberg_gda"](
        tau_leader, tau_follower, kappa, separate, as_published=as_published
    )

    def leader(theta: Any, at: Float) -> Any:
        paid = (softmax(ROWS) * GAME.P).sum(-1)
        if not as_published:
            paid = paid + tau_follower * kl(ROWS, GAME.ref_follower)
        return -(softmax(theta) @ paid) + tau_leader * kl(theta, GAME.ref)

    def follower(rows: Any, at: Float) -> Any:
        lost = (softmax(rows) * GAME.P).sum(-1) + tau_follower * kl(rows, GAME.ref_follower)
        return (1.0 if separate else kappa) * softmax(LEADER) @ lost

    tabular: Any = learner.tabular_gradient(GAME, (LEADER, ROWS), OTHER)
    gradient: Any = enumerated(learner)
    for k, expected in enumerate((slope(leader, LEADER), slope(follower, ROWS))):
        assert abs(expected).max() > 0.01
        np.testing.assert_allclose(tabular[k], expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(gradient[k], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_steps(name: str) -> None:
    """A step of size 1 changes the logits by the recorded numbers."""
    params, _ = LOSSES[name]
    gradient = -enumerated(LEARNERS[name](**params))[0]
    np.testing.assert_allclose(gradient, GOLDEN[name], rtol=0, atol=1e-6)
