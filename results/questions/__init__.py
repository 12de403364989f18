"""The questions of a report, one ``Section`` each, in the order of the report.

``traces``, ``newton`` and ``followers`` are parts of the question ``convergence``.
"""

from results.questions import (
    calibration,
    consistency,
    convergence,
    data_sensitivity,
    fixed_points,
    frequency,
    incentives,
    influence,
    over_optimisation,
    refinement,
    robustness,
    round_robin,
    speed,
    stability,
    trainings,
)
from results.questions.section import Section

SECTIONS: tuple[Section, ...] = (
    consistency.SECTION,
    data_sensitivity.SECTION,
    over_optimisation.SECTION,
    robustness.SECTION,
    refinement.SECTION,
    incentives.SECTION,
    round_robin.SECTION,
    frequency.SECTION,
    calibration.SECTION,
    influence.SECTION,
    trainings.SECTION,
    convergence.SECTION,
    stability.SECTION,
    fixed_points.SECTION,
    speed.SECTION,
)
