"""The NLHF answer: the Nash equilibrium of the preference game, regularised or not.

Munos et al., Nash Learning from Human Feedback, ICML 2024, arXiv:2312.00886, Eqs. (1), (2);
tau = 0: maximal lotteries, Fishburn 1984; the von Neumann winner, Dudik et al. 2015. Payoffs other
than P: Shi et al. 2025, arXiv:2505.20627 (as recalled); on signs: Laffond et al. 1993.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from games import measures, numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.exact.maximal_lottery import maximal_lottery
from solvers.exact.regularized_nash import regularized_nash
from solvers.exact.unique_lotteries import unique_lotteries
from solvers.solver import (
    Certificate,
    Concept,
    Reasons,
    Solution,
    Weight,
    WeightedSolver,
    Weights,
    require,
)

Payoff = Literal["raw", "sign", "logit"]

_FAR = 1e6  # a tau at which the equilibrium is ``ref`` to six digits


@dataclass(frozen=True)
class NlhfExact(WeightedSolver):
    """Fixed point log pi = log ref + P pi / tau + const, by Newton's method.

    It is the unique symmetric equilibrium of P(pi > pi') - tau KL(pi | ref) + tau KL(pi' | ref).
    tau = 0 is its limit: of all maximal lotteries (P pi <= 1/2) the one nearest to ``ref`` in KL;
    contexts with a single one are solved in a batch, the others by linear programmes. It does not
    depend on ``pairs``.

    ``payoff`` is what P is replaced by. All three keep who beats whom, so that at tau = 0 the
    answer is in the Smith set; they differ in what the size of a majority is worth. Signs do not
    see it (of a tournament: the lottery of the bipartisan set), log-odds weigh clear majorities
    most, and their tau is in log-odds as for RLHF.

    Attributes
    ----------
    tau : float >= 0
        Weight of the KL penalty to ``ref``, in payoff units. Below about 1e-3 the fixed point is
        certified less tightly, in proportion to tau.
    payoff : "raw", "sign" or "logit"
        P; 1, 1/2 or 0 where i beats, ties with or loses to j; log P / (1 - P), undefined where some
        P is 0 or 1.

    Raises
    ------
    SolverError
        If tau is out of range, or HiGHS does not report an optimum for a single game; among
        several contexts that one has status "error" and NaN.
    """

    tau: float = 0.1
    payoff: Payoff = "raw"
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def __post_init__(self) -> None:
        require(self, tau=(0, np.inf))
        if self.payoff not in get_args(Payoff):
            raise SolverError(
                f"NlhfExact: payoff is {self.payoff!r}, expected one of "
                f"{', '.join(get_args(Payoff))}"
            )

    def undefined(self, game: PreferenceGame) -> Reasons:
        """That log-odds are infinite, where they are the payoff; else ""."""
        if self.payoff != "logit":
            return np.full(game.batch, "")
        reason = (
            "NlhfExact: log-odds are infinite where a preference is 0 or 1; smooth the "
            'preferences, or use payoff = "raw" or "sign"'
        )
        return np.where(measures.certain(game), reason, "")

    def compute_at(self, game: PreferenceGame, weights: Weights) -> Solution:
        """Each context separately: a hard one neither stops nor (at tau > 0) delays the others."""
        game, scale = self._payoffs(game)
        tau, n, (P, ref) = weights["tau"] / scale, game.n, _flat(game)
        if numerics.is_soft(tau):
            every = np.broadcast_to(tau, game.batch).ravel()
            log_policy, steps = regularized_nash(P, np.log(ref), every)
            log_policy = log_policy.reshape(*game.batch, n)
            rates = game.win_rates(np.exp(log_policy))
            off = log_policy - game.log_ref - rates / numerics.per_context(tau, rates)
            residual = (off.max(-1) - off.min(-1)) / 2
            tolerance = 1e-11 * np.maximum(1, 1e-3 / tau)
            certificate = Certificate("log pi - log ref - P pi / tau const", residual, tolerance)
            return Solution(log_policy, certificate, newton_steps=steps.reshape(game.batch))
        policy, unique = unique_lotteries(P)
        kkt, failures = np.zeros(len(ref)), np.full(len(ref), "", dtype=object)
        for k in np.flatnonzero(~unique):
            try:
                policy[k], kkt[k] = maximal_lottery(P[k], ref[k])
            except SolverError as error:
                if not game.batch:
                    raise
                policy[k], kkt[k], failures[k] = np.nan, np.nan, str(error)
        policy, kkt = policy.reshape(*game.batch, n), kkt.reshape(game.batch)
        residual = np.maximum(measures.duality_gap(game, policy), kkt)
        certificate = Certificate("P pi <= 1/2, and nearest to ref (KKT)", residual, 1e-9)
        status = np.where(certificate.holds, "ok", np.where(np.isnan(kkt), "error", "max_steps"))
        message = failures.astype(np.str_).reshape(game.batch)
        return Solution(numerics.log(policy), certificate, status=status, message=message)

    def at_weights(self, game: PreferenceGame) -> Callable[[Weights], Float]:
        """Equilibria at any tau > 0, each found from the one before it in the same context."""
        game, scale = self._payoffs(game)
        P, ref = _flat(game)
        log_ref = np.log(ref)
        theta, last = log_ref.copy(), np.full(len(ref), _FAR)

        def log_policy(weights: Weights) -> Float:
            tau = np.broadcast_to(weights["tau"] / scale, game.batch).ravel()
            new = tau != last
            start = theta[new], last[new]
            theta[new], _ = regularized_nash(P[new], log_ref[new], tau[new], start)
            last[new] = tau[new]
            return theta.reshape(game.ref.shape).copy()

        return log_policy

    def _payoffs(self, game: PreferenceGame) -> tuple[PreferenceGame, Weight]:
        """A game with preferences 1/2 + payoff / scale + const, and the scale of each context."""
        if self.payoff == "raw":
            return game, 1.0
        if self.payoff == "sign":
            return PreferenceGame(measures.majorities(game), game.ref), 1.0
        odds = measures.log_odds(game)
        scale = 2 * abs(odds).max((-1, -2))
        scale = np.where(scale > 0, scale, 1.0)
        return PreferenceGame(0.5 + odds / scale[..., None, None], game.ref), scale


def _flat(game: PreferenceGame) -> tuple[Float, Float]:
    """P and ref with one axis for all contexts."""
    n = game.n
    return game.P.reshape(-1, n, n), game.ref.reshape(-1, n)
