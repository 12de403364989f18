"""Does more optimisation against a fitted preference model help, or only seem to?

Gao, Schulman and Hilton 2023, "Scaling laws for reward model overoptimization", arXiv:2210.10760
(recalled, not checked): along the KL to the reference the proxy reward goes on rising while the
true reward turns down. Asked here of each concept in its own objective, at each distance that a
spec's methods go (``grid = { kl = [...] }``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games import Comparisons, PreferenceGame, SpecError, measures, numerics
from games.certificate import Reasons
from games.game import Float
from solvers import Solution, Solver
from solvers.rlhf_exact import RlhfExact
from tabular.estimates import (
    OBSERVED,
    Choice,
    estimate,
    estimator_label,
    make_estimator,
    unlimited,
)
from tabular.experiment import ONE_ANSWER, Experiment, Measurement, RngFor, each


@dataclass(frozen=True)
class OverOptimisation(Experiment):
    """The answer to an estimated game, scored on the estimate (proxy) and on the truth.

    The score is the concept's own objective at tau = 0. RLHF: expected Bradley-Terry reward, less
    that of the reference. NLHF: win rate against the best opposing policy. SLHF: win rate of the
    leader against the best reply to each answer; at its own ``tau_follower`` the score would fall
    along KL only because the follower hardens. Win rates over the reference stand beside it: they
    mean the same for all concepts.

    Attributes
    ----------
    estimator : str, or mapping with the key "name"
        The preference model; by default the observed win rates, 1/2 for a pair never compared.
    n_comparisons : int >= 1, or None for infinitely many
        Size of the data set.

    Raises
    ------
    SpecError
        If the estimator is unknown or the number is out of range.
    """

    estimator: Choice = field(default_factory=lambda: OBSERVED)
    n_comparisons: int | None = 300

    def __post_init__(self) -> None:
        if self.n_comparisons is not None and self.n_comparisons < 1:
            raise SpecError(
                f"over_optimisation: n_comparisons is {self.n_comparisons}, expected at least 1"
            )
        make_estimator("over_optimisation", self.estimator)

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn: for a data set of finite size, or by the estimator."""
        estimator = make_estimator("over_optimisation", self.estimator)
        return self.n_comparisons is not None or estimator.draws

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield scores and win rates on the estimate and on the truth, and the distance moved."""
        estimator, size = make_estimator("over_optimisation", self.estimator), self.n_comparisons
        if game.n < 2:
            yield Measurement("proxy_score", np.nan, status="skipped", message=ONE_ANSWER)
            return
        if size is None:
            data = unlimited(game)
        else:
            data = Comparisons.sample(game, size, rng_for("data", {"change": "none"}, size))
        rng = rng_for("data", "estimator", size) if estimator.draws else None
        fitted = estimate(game, data, estimator, rng)
        solution = fitted.solve(solver, rng_for("solver"))
        policy = solution.policy
        proxy, _ = score(solver, fitted.game, solution)
        true, why = score(solver, game, solution)
        labels = {"estimator": estimator_label(self.estimator), "n_comparisons": size}
        values: dict[str, tuple[Float, Any]] = {
            "proxy_score": (proxy, ""),
            "true_score": (true, why),
            "score_gap": (proxy - true, why),
            "proxy_win_rate": (measures.win_rate(fitted.game, policy, game.ref), ""),
            "win_rate_over_ref": (measures.win_rate(game, policy, game.ref), ""),
            "kl_to_ref": (measures.kl_to_ref(game, policy), ""),
        }
        for metric, (value, against) in values.items():
            yield from each(metric, value, game, solution, against, **labels)


def score(solver: Solver, game: PreferenceGame, solution: Solution) -> tuple[Float, Reasons]:
    """The concept's own objective at tau = 0, on a game.

    Parameters
    ----------
    solver : Solver
    game : PreferenceGame
        Judges the answer: an estimate, or the truth.
    solution : Solution
        The answer, found on any game.

    Returns
    -------
    score : float array (...)
        NaN for other concepts, and where the reward on ``game`` is infinite.
    message : str array (...)
        Why there is no reward; "" where there is one.
    """
    policy, defined = solution.policy, np.full(game.batch, "")
    if solver.concept == "rlhf":
        weighted = solver if solution.tau is None else solver.at_tau(1.0)
        fit = RlhfExact(ridge=getattr(weighted, "ridge", 0.0))
        gain = numerics.expectation(policy - game.ref, fit.rewards(game))
        return np.asarray(gain), fit.undefined(game)
    if solver.concept == "nlhf":
        return measures.worst_win_rate(game, policy), defined
    if solver.concept == "slhf":
        return measures.leader_value(game, policy), defined
    return np.full(game.batch, np.nan), defined
