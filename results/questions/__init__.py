"""The questions of a report, one module each, in the order in which they are told."""

from results.questions import (
    consistency,
    convergence,
    data_sensitivity,
    fixed_points,
    refinement,
    robustness,
    speed,
    stability,
    trainings,
)
from results.questions.section import Section

SECTIONS: tuple[Section, ...] = (
    consistency.SECTION,
    data_sensitivity.SECTION,
    robustness.SECTION,
    refinement.SECTION,
    trainings.SECTION,
    convergence.SECTION,
    stability.SECTION,
    fixed_points.SECTION,
    speed.SECTION,
)
