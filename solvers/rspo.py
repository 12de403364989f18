"""RSPO: self-play with any divergence to the reference.

Tang et al., RSPO: Regularized Self-Play Alignment of Large Language Models, 2025, arXiv:2503.00030.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.exact.divergence_nash import chi_square_nash, forward_kl_nash
from solvers.exact.roots import decreasing_root, wright_omega
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Certificate, Concept, Open, Solution, require

DIVERGENCES = ("chi_square", "forward_kl", "reverse_kl")


@dataclass(frozen=True)
class Rspo(IterativeSolver):
    """pi <- argmax_p sum_i p_i (P pi)_i - tau D(p, ref) - KL(p | pi) / eta.

    It settles at the equilibrium regularised by D: (P pi)_i - tau dD/dp_i is the same for all
    answers in use. Only reverse KL has the equilibrium of NLHF. Chi-square may drive answers to
    probability 0, slowly where they are nearly in use. The log-ratio v to ``ref`` solves
    v + eta tau D'(exp v) = log pi - log ref + eta P pi - const in every coordinate.

    Attributes
    ----------
    tau : float > 0
        Weight of the divergence.
    divergence : "chi_square", "forward_kl" or "reverse_kl"
        sum (p - ref)^2 / ref, KL(ref | p) or KL(p | ref).
    eta : float in (0, 1000], or None for 4 tau
        Step size in payoff units. The default is safe for reverse KL (where this is mirror descent
        with step eta / (1 + eta tau)) and not proved so for the other two.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    tau: float = 0.1
    divergence: Literal["chi_square", "forward_kl", "reverse_kl"] = "chi_square"
    eta: float | None = None
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Tang et al. 2025, arXiv:2503.00030"

    def __post_init__(self) -> None:
        require(self, tau=(Open(0), np.inf), eta=(Open(0), 1e3))
        if self.divergence not in DIVERGENCES:
            raise SolverError(
                f"Rspo: divergence is {self.divergence!r}, expected one of {', '.join(DIVERGENCES)}"
            )

    def target(self, game: PreferenceGame) -> Solution:
        """The regularised equilibrium, by Newton's method."""
        if self.divergence == "reverse_kl":
            return NlhfExact(self.tau).solve(game)
        exact = chi_square_nash if self.divergence == "chi_square" else forward_kl_nash
        tables, refs = game.P.reshape(-1, game.n, game.n), game.ref.reshape(-1, game.n)
        policies = [exact(P, ref, self.tau) for P, ref in zip(tables, refs, strict=True)]
        policy = np.array(policies).reshape(game.ref.shape)
        if self.divergence == "chi_square":
            gain = game.win_rates(policy) - 2 * self.tau * policy / game.ref
        else:
            gain = game.win_rates(policy) + self.tau * game.ref / policy
        off = gain - numerics.expectation(policy, gain)[..., None]
        residual = np.where(policy > 0, abs(off), np.maximum(off, 0)).max(-1)
        return Solution(numerics.log(policy), Certificate("P pi - tau dD const", residual, 1e-11))

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """The proximal step: one root a coordinate, and one for the constant."""
        eta = 4 * self.tau if self.eta is None else self.eta
        log_policy, weight = numerics.log_softmax(state), eta * self.tau
        goal = log_policy - game.log_ref + eta * game.win_rates(np.exp(log_policy))

        def log_ratio(left: Float) -> tuple[Float, Float]:
            """The v with v + weight D'(exp v) = left, and its slope."""
            if self.divergence == "reverse_kl":
                return left / (1 + weight), np.full_like(left, 1 / (1 + weight))
            twice, sign = (2, 1) if self.divergence == "chi_square" else (1, -1)
            v = wright_omega(np.full_like(left, twice * weight), sign * left)
            return sign * v, 1 / (1 + twice * weight * np.exp(v))

        def excess(constant: Float) -> tuple[Float, Float]:
            """Log of the sum of p, and its slope."""
            v, slope = log_ratio(goal - constant[..., None])
            log_p = game.log_ref + v
            log_sum = numerics.logsumexp(log_p)
            return log_sum, -numerics.expectation(np.exp(log_p - log_sum[..., None]), slope)

        # the constant at which a ratio of 1 solves the equation, for the first and last answer
        at_one = {"chi_square": 2 * weight, "forward_kl": -weight, "reverse_kl": 0.0}
        level = goal - at_one[self.divergence]
        constant = decreasing_root(excess, level.min(-1), level.max(-1))
        return game.log_ref + log_ratio(goal - constant[..., None])[0]
