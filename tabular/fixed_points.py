"""Where does an algorithm end with the parameters it is used with, and how far is that from Nash?

Expected (derived for these updates and checked numerically): a policy gradient against a fixed
mixture with the reference ends at the best response to an equilibrium at larger tau, far from the
regularised equilibrium for the mixtures in use; multiplicative weights without a penalty end
nowhere, and only their average approaches a maximal lottery.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from games import PreferenceGame, SpecError, measures, numerics
from solvers import Solver
from solvers.iterative import IterativeSolver
from solvers.nlhf_exact import NlhfExact
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.stability import skipped


@dataclass(frozen=True)
class FixedPoints(Experiment):
    """Total variation to the regularised equilibrium: of the target, the last iterate, the average.

    Attributes
    ----------
    tau : float >= 0, or None
        Weight of the equilibrium compared with; None for the solver's tau (0 if it has none).

    Raises
    ------
    SpecError
        If tau is negative.
    """

    tau: float | None = None

    def __post_init__(self) -> None:
        if self.tau is not None and not self.tau >= 0:
            raise SpecError(f"fixed_points: tau is {self.tau}, expected a number >= 0")

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield distances and gaps, labelled by route: "target", "last" or "average"."""
        if not isinstance(solver, IterativeSolver):
            yield skipped("tv_to_nash", "an exact solver takes no steps")
            return
        tau = getattr(solver, "tau", 0.0) if self.tau is None else self.tau
        nash = NlhfExact(tau).solve(game)
        target, solution = solver.target(game), solver.solve(game, rng_for("solver"))
        ends = {} if target is None else {"target": target.policy}
        if solution.trace is not None:
            ends["last"] = solution.trace.policies[-1]
            if solver.iterate == "average":
                ends["average"] = solution.trace.averages[-1]
        for route, policy in ends.items():
            labels: dict[str, Any] = {"route": route, "nash_tau": tau}
            reached = solution if route != "target" or target is None else target
            values = {
                "tv_to_nash": numerics.total_variation(policy, nash.policy),
                "duality_gap": measures.duality_gap(game, policy),
            }
            if tau > 0:
                values["regularised_gap"] = measures.duality_gap(game, policy, tau)
            for metric, value in values.items():
                finite = np.where(np.isfinite(value), value, np.nan)
                against = nash.message if metric == "tv_to_nash" else ""
                yield from each(metric, finite, game, reached, against, **labels)
