"""How well preference models predict votes that they were not fitted to."""

from dataclasses import dataclass

import numpy as np

from games.estimation import ESTIMATORS, Estimator
from games.estimation.estimator import log_loss
from games.game import Float
from tabular.audit.votes import Votes

FOLDS = 5


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated log-loss of a preference model.

    Attributes
    ----------
    estimator : str
    loss : float >= 0
        Mean of -log P(winner) over all votes, each predicted from the folds that it is not in, in
        nats; a guess of 1/2 has log 2 = 0.693.
    error : float >= 0
        Standard error over the folds of the difference to the first model.
    """

    estimator: str
    loss: float
    error: float


def models(n: int) -> dict[str, Estimator]:
    """The preference models that are compared: rewards first."""
    out: dict[str, Estimator] = {
        "bradley_terry": ESTIMATORS["bradley_terry"](),
        "table": ESTIMATORS["table"](),
    }
    if n > 2:
        out["general(dim=2)"] = ESTIMATORS["general"](dim=2, starts=1)
    return out


def held_out(votes: Votes, rng: np.random.Generator, by: str | None = None) -> list[HeldOut]:
    """Fit every model to four fifths of the votes, or of their clusters, and predict the rest."""
    parts = votes.split(FOLDS, rng, by)
    losses: dict[str, list[float]] = {}
    sizes: list[float] = []
    for k, part in enumerate(parts):
        rest = [other for other in parts if other is not part]
        train = rest[0]
        for other in rest[1:]:
            train = train.joined(other)
        if not part.weight.any() or not train.weight.any():
            continue
        sizes.append(float(part.weight.sum()))
        for name, model in models(votes.n).items():
            game = model.fit(train.comparisons(), np.random.default_rng(k))
            losses.setdefault(name, []).append(float(log_loss(game, part.comparisons())))
    weights = np.array(sizes)
    first: Float = np.array(next(iter(losses.values()), []))
    return [
        HeldOut(name, float(np.average(values, weights=weights)), _error(np.array(values) - first))
        for name, values in losses.items()
    ]


def _error(gaps: Float) -> float:
    return float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else float("nan")
