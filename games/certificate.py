"""Evidence for a solution or a fit, and the reasons why there is none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from games.validation import Float

Reasons = NDArray[np.str_]
"""Why an answer does not exist, for each context (...); "" where it does."""


@dataclass(frozen=True)
class Certificate:
    """Evidence for a solution, computed from what is returned and not from how it was found.

    Attributes
    ----------
    condition : str
        The equation or inequality that was checked.
    residual : float array (...), NaN where there is no answer
        By how much the condition is violated in each context.
    tolerance : float or float array (...)
        Largest residual that is accepted.
    """

    condition: str
    residual: Float
    tolerance: float | Float

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Mask (...) of the contexts whose residual is within the tolerance; False for NaN."""
        return np.asarray(self.residual <= self.tolerance)
