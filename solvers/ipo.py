"""IPO: log-ratios fitted by least squares to the preferences themselves, not to their log-odds.

Azar et al., A General Theoretical Paradigm to Understand Learning from Human Preferences, AISTATS
2024, arXiv:2310.12036, Eq. (17).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from games import numerics
from games.game import Float, PreferenceGame
from solvers.dataset_fit import DatasetFit, Table, max_degree, population
from solvers.solver import Certificate, Concept, Solution


@dataclass(frozen=True)
class Ipo(DatasetFit):
    """Gradient descent on sum_ij w_ij (h_i - h_j - (P_ij - 1/2) / tau)^2, with h = log(pi / ref).

    log pi_i <- log pi_i - eta / (2 d) sum_j w_ij (h_i - h_j - (P_ij - 1/2) / tau), with w the
    shares of the pairs (sum_{i<j} w_ij = 1) and d the largest sum_j w_ij. The paper's form with
    binary labels, (h_winner - h_loser - 1 / (2 tau))^2, has the same expected gradient. The loss is
    quadratic and its minimum finite on all data; answers that no chain of comparisons connects keep
    the ratio that ``ref`` gives them. Descent converges linearly for eta < 2.

    The trap: the minimum is no equilibrium. If pairs are drawn as nu x nu it is the best response
    to the fixed opponent nu, ref exp(P nu / tau). For other pairs it is a least-squares fit, which
    depends on the pairs whenever P - 1/2 is not a difference of scores.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``, in payoff units. TRL calls it beta.
    eta : float in (0, 2)
        Step size, as a multiple of 1 / (bound of the Hessian).
    n_comparisons : int >= 0
        Comparisons in the data set; 0 for the loss of the whole population under ``game.pairs``.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    concept: ClassVar[Concept] = "rlhf"
    paper: ClassVar[str] = "Azar et al. 2023, arXiv:2310.12036"

    def target(self, game: PreferenceGame) -> Solution:
        """Least squares against the Laplacian of the pairs, of least norm."""
        shares, wins = population(game)
        laplacian = np.eye(game.n) * shares.sum(-1)[..., None] - shares
        pull = (shares * (wins - 0.5)).sum(-1) / self.tau
        h = (np.linalg.pinv(laplacian, hermitian=True) @ pull[..., None])[..., 0]
        log_policy = numerics.log_softmax(game.log_ref + h)
        ratio = log_policy - game.log_ref
        gaps = ratio[..., :, None] - ratio[..., None, :]
        off = (shares * (self.tau * gaps - (wins - 0.5))).sum(-1)
        certificate = Certificate("normal equations", abs(off).max(-1), 1e-10)
        return Solution(log_policy, certificate)

    def step(
        self, game: PreferenceGame, state: tuple[Float, Table], rng: np.random.Generator
    ) -> tuple[Float, Table]:
        """One step of gradient descent."""
        log_pi, (shares, wins) = state
        h = log_pi - game.log_ref
        slope = shares * (h[..., :, None] - h[..., None, :] - (wins - 0.5) / self.tau)
        return numerics.log_softmax(
            log_pi - self.eta / (2 * max_degree(shares)) * slope.sum(-1)
        ), state[1]
