"""What a question measures in a test, and the measurements of one metric among them."""

from typing import Any

from games import PreferenceGame
from solvers import Solver
from tabular import EXPERIMENTS, Measurement
from tests.paper_games import generators


def measured(
    question: str, game: PreferenceGame, solver: Solver, **params: Any
) -> list[Measurement]:
    """All measurements that the question yields, with generators fixed by role and key."""
    return list(EXPERIMENTS[question](**params).measure(game, solver, generators))


def select(
    measurements: list[Measurement], metric: str, step: int | None = None, **labels: object
) -> list[Measurement]:
    """The measurements of a metric, at one step if it is given, that have these labels."""
    return [
        m
        for m in measurements
        if m.metric == metric
        and (step is None or m.step == step)
        and labels.items() <= m.labels.items()
    ]


def values(
    measurements: list[Measurement], metric: str, step: int | None = None, **labels: object
) -> list[float]:
    """The values of the measurements that ``select`` gives."""
    return [m.value for m in select(measurements, metric, step, **labels)]
