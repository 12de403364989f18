"""RSPO: self-play with any divergence to the reference.

Tang et al., RSPO: Regularized Self-Play Alignment of Large Language Models, 2025, arXiv:2503.00030.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.exact.divergence_nash import chi_square_nash, mixed_kl_nash
from solvers.exact.roots import decreasing_root, wright_omega
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Certificate, Concept, Open, Solution, require

Divergence = Literal["chi_square", "forward_kl", "reverse_kl", "mixed_kl"]
DIVERGENCES: tuple[Divergence, ...] = get_args(Divergence)


@dataclass(frozen=True)
class Rspo(IterativeSolver):
    """pi <- argmax_p sum_i p_i (P pi)_i - tau D(p, ref) - KL(p | pi) / eta.

    It settles at the equilibrium regularised by D: (P pi)_i - tau dD/dp_i is the same for all
    answers in use. Only reverse KL has the equilibrium of NLHF. Chi-square may drive answers to
    probability 0, slowly where they are nearly in use; forward KL keeps all of them. The log-ratio
    v to ``ref`` solves v + eta tau D'(exp v) = log pi - log ref + eta P pi - const in every
    coordinate.

    The trap is the weight. The loss of the paper, E_{y ~ pi_t} [log pi / pi_t (y) - eta (P(y >
    pi_t) - 1/2)]^2 + lambda D(pi, ref), settles at the equilibrium at tau = lambda / (2 eta), not
    at tau = lambda. The paper's best variant is "mixed_kl" (as in its abstract; its weights were
    not checked).

    Attributes
    ----------
    tau : float > 0
        Weight of the divergence; lambda / (2 eta) in the terms of the paper's loss.
    divergence : "chi_square", "forward_kl", "reverse_kl" or "mixed_kl"
        sum (p - ref)^2 / ref, KL(ref | p), KL(p | ref), or a weighted mean of the last two.
    eta : float in (0, 1000], or None for 4 tau
        Step size in payoff units. The default is safe for reverse KL (where this is mirror descent
        with step eta / (1 + eta tau)) and not proved so for the others.
    forward : float in [0, 1]
        Weight of KL(ref | p) in "mixed_kl", 1 less that of KL(p | ref).

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    divergence: Divergence = "chi_square"
    eta: float | None = None
    forward: float = 0.5
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Tang et al. 2025, arXiv:2503.00030"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), 1e3), forward=(0, 1))
        if self.divergence not in DIVERGENCES:
            raise SolverError(
                f"Rspo: divergence is {self.divergence!r}, expected one of {', '.join(DIVERGENCES)}"
            )

    @property
    def forward_share(self) -> float:
        """Weight of the forward KL, where the divergence is a mean of both directions."""
        return {"forward_kl": 1.0, "mixed_kl": self.forward}.get(self.divergence, 0.0)

    def target(self, game: PreferenceGame) -> Solution:
        """The regularised equilibrium, by Newton's method."""
        share = self.forward_share
        if self.divergence != "chi_square" and share == 0:
            return NlhfExact(self.tau).solve(game)
        tables, refs = game.P.reshape(-1, game.n, game.n), game.ref.reshape(-1, game.n)
        policies = [
            chi_square_nash(P, ref, self.tau)
            if self.divergence == "chi_square"
            else mixed_kl_nash(P, ref, self.tau, share)
            for P, ref in zip(tables, refs, strict=True)
        ]
        policy = np.array(policies).reshape(game.ref.shape)
        if self.divergence == "chi_square":
            slope = 2 * policy / game.ref
        else:
            slope = (1 - share) * np.log(policy / game.ref) - share * game.ref / policy
        gain = game.win_rates(policy) - self.tau * slope
        off = gain - numerics.expectation(policy, gain)[..., None]
        residual = np.where(policy > 0, abs(off), np.maximum(off, 0)).max(-1)
        return Solution(numerics.log(policy), Certificate("P pi - tau dD const", residual, 1e-11))

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """The proximal step: one root a coordinate, and one for the constant."""
        eta = 4 * self.tau if self.eta is None else self.eta
        log_policy, weight = numerics.log_softmax(state), eta * self.tau
        goal = log_policy - game.log_ref + eta * game.win_rates(np.exp(log_policy))
        # v grows by ``linear`` v and by ``curved`` exp(sign v)
        share, sign = self.forward_share, -1
        linear, curved = 1 + weight * (1 - share), weight * share
        if self.divergence == "chi_square":
            linear, curved, sign = 1.0, 2 * weight, 1

        def log_ratio(left: Float) -> tuple[Float, Float]:
            """The v with v + weight D'(exp v) = left, and its slope."""
            v = wright_omega(np.full_like(left, curved / linear), sign * left / linear)
            return sign * v, 1 / (linear + curved * np.exp(v))

        def excess(constant: Float) -> tuple[Float, Float]:
            """Log of the sum of p, and its slope."""
            v, slope = log_ratio(goal - constant[..., None])
            log_p = game.log_ref + v
            log_sum = numerics.logsumexp(log_p)
            return log_sum, -numerics.expectation(np.exp(log_p - log_sum[..., None]), slope)

        # the constant at which a ratio of 1 solves the equation, for the first and last answer
        level = goal - sign * curved
        constant = decreasing_root(excess, level.min(-1), level.max(-1))
        return game.log_ref + log_ratio(goal - constant[..., None])[0]
