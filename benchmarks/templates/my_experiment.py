"""My experiment: which question it asks, and what is expected.

Try it:  prefgames check my_experiment.py; in tabular/, it can be named in a spec.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from games import PreferenceGame, SpecError
from solvers import Solver
from tabular import Experiment, Measurement
from tabular.experiment import RngFor, each


# The class is called like its file. Its fields are parameters, with defaults, and can be set in
# specs.
@dataclass(frozen=True)
class MyExperiment(Experiment):
    """How probable the answer of a method is to be one of the likeliest under the reference.

    Attributes
    ----------
    share : float in (0, 1]
        Answers at least this share as likely as the likeliest count.

    Raises
    ------
    SpecError
        If ``share`` is out of range.
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SpecError(f"my_experiment: share is {self.share}, expected a number in (0, 1]")

    # Override the property `draws` to return True if you draw: rng_for("data", ...) gives the
    # same numbers whatever the solver, so that methods are compared on the same draws.

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield one probability a context."""
        solution = solver.solve(game, rng_for("solver"))
        top = game.ref >= self.share * game.ref.max(-1, keepdims=True)
        value = np.where(top, solution.policy, 0).sum(-1)
        # Leading axes of every array are contexts. `each` makes a row of each, and a row that
        # says why where the solver has no answer. Metrics are declared in results/metrics.py;
        # keywords say what the value is indexed by: names of answers, not their positions.
        yield from each("probability", value, game, solution, action="likeliest of the reference")
