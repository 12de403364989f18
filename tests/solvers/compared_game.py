"""A generic game whose pairs are compared unequally often, a state of both players, and losses."""

import itertools
from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
from scipy import special

from games import PreferenceGame
from games.game import Float

REF = [0.2, 0.5, 0.3]
PI = [0.52, 0.17, 0.31]
R = [0.3, -0.4, 0.1]
P = [[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]]
SHARES = [[0, 0.5, 0.3], [0.5, 0, 0.2], [0.3, 0.2, 0]]
ROWS = [[0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.6, 0.1, 0.3]]
OMEGA = [[0.3, 0.1, 0.6], [0.55, 0.25, 0.2], [0.15, 0.8, 0.05]]
GAME = PreferenceGame(P, REF, ROWS, SHARES)
ACTIONS = range(3)


def slopes(loss: Callable[[Float], float], at: Float) -> Float:
    return np.array([(loss(at + e) - loss(at - e)) / 2e-5 for e in 1e-5 * np.eye(len(at))])


def srpo_losses(theta: Float, rows: Float, b: float) -> tuple[float, float]:
    """The losses of the paper: (y2 improves y1) and (y1, y2 as generated); over ordered pairs."""
    policy, follower = special.softmax(theta), special.softmax(rows, axis=-1)
    improve = generate = 0.0
    for y1, y2 in itertools.permutations(ACTIONS, 2):
        margin = P[y2][y1] - 0.5
        up = log(follower[y1, y2] / ROWS[y1][y2])
        stay = log(follower[y1, y1] / ROWS[y1][y1])
        back = log(follower[y2, y1] / ROWS[y2][y1])
        first, second = log(policy[y1] / REF[y1]), log(policy[y2] / REF[y2])
        improve += SHARES[y1][y2] * (margin - b * (up - stay)) ** 2
        generate += SHARES[y1][y2] * (margin - b / 2 * (up - back + second - first)) ** 2
    return improve, generate


def reward_slope(r: Float, pi: Any, ridge: float) -> list[float]:
    """Derivative of -sum_ij pi_i pi_j P_ij log sigmoid(r_i - r_j) + ridge / 2 |r|^2."""
    return [
        sum(pi[k] * pi[j] * (special.expit(r[k] - r[j]) - P[k][j]) for j in ACTIONS) + ridge * r[k]
        for k in ACTIONS
    ]
