"""Preference models fitted to comparisons: Bradley-Terry reward models and pairwise models.

Preferences of a reward model have no cycles, those of a pairwise model can have some. Both are
initialised from a language model, with one label in place of the output layer, and are saved as
sequence classifiers of transformers, which the judges ``reward_model`` and ``pairwise_model`` load.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import AutoModelForSequenceClassification

from games import SolverError
from games.game import Float
from games.measures import Mask
from llm.classifier import Classifier, Conversation
from llm.fit import minimise
from llm.models import without_progress_bars
from llm.policy import Policy
from solvers import require
from solvers.solver import Open

Kind = Literal["reward", "pairwise"]
Comparison = tuple[str, str, str]
"""(prompt, winner, loser)."""

TEMPLATE = "{prompt} First : {a} Second : {b} Better ?"
"""The message that a pairwise model reads; short, for the small context of the tiny model."""

_BINS = 10


@dataclass(frozen=True)
class FitConfig:
    """How a preference model is fitted.

    Attributes
    ----------
    steps : int >= 1
        Optimiser steps (AdamW).
    batch_size : int >= 1
        Comparisons per step.
    lr : float > 0
        Learning rate of the first step; cosine-annealed to 0.
    held_out : float in (0, 1)
        Share of the comparisons that is left out of the fit and used to test it.
    """

    steps: int = 200
    batch_size: int = 256
    lr: float = 2e-3
    held_out: float = 0.2

    def __post_init__(self) -> None:
        require(self, steps=(1, np.inf), batch_size=(1, np.inf), lr=(Open(0), np.inf))
        require(self, held_out=(1e-9, 1 - 1e-9))


@dataclass(frozen=True)
class FitReport:
    """Quality of a fit on held-out comparisons, whose pairs the training comparisons share.

    Attributes
    ----------
    train, held_out : int
        Numbers of comparisons.
    accuracy : float in [0, 1]
        Share of held-out comparisons whose winner the model prefers; ties count half.
    log_loss : float >= 0
        Mean of -log P(winner preferred), in nats; log 2 for a model that always says 1/2.
    calibration_error : float in [0, 1]
        Expected calibration error: the mean over held-out comparisons of |share won - mean P| in
        ten bins of P, with each comparison counted in both orders.
    """

    train: int
    held_out: int
    accuracy: float
    log_loss: float
    calibration_error: float


def fit(
    kind: Kind,
    start: Policy,
    comparisons: Sequence[Comparison],
    config: FitConfig,
    seed: int,
    folder: Path,
) -> FitReport:
    """Minimise the mean of -log sigmoid(margin) over comparisons, and save the model in ``folder``.

    The margin of a reward model is r(prompt, winner) - r(prompt, loser). That of a pairwise model
    is its logit for the winner, which is shown in the first place half of the time.

    Parameters
    ----------
    kind : "reward" or "pairwise"
    start : Policy
        Provides the initial weights and the tokenizer; is not changed.
    comparisons : at least two
    config : FitConfig
    seed : int
        Seed of the held-out split, the batches and the orders of answers.
    folder : Path
        Written completely or not at all; a fit that it holds already is not repeated.

    Raises
    ------
    SolverError
        If there are fewer than two comparisons.
    """
    if len(comparisons) < 2:
        raise SolverError(f"fit: {len(comparisons)} comparisons, expected at least two")
    folder.parent.mkdir(parents=True, exist_ok=True)
    report = folder / "report.json"
    with FileLock(f"{folder}.lock"):  # cells that share comparisons share the model
        if not report.is_file():
            _fit(kind, start, comparisons, config, seed, folder)
        return FitReport(**json.loads(report.read_text(encoding="utf-8")))


def _fit(
    kind: Kind,
    start: Policy,
    comparisons: Sequence[Comparison],
    config: FitConfig,
    seed: int,
    folder: Path,
) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(comparisons))
    size = min(len(order) - 1, max(1, round(config.held_out * len(order))))
    test, train = ([comparisons[i] for i in part] for part in (order[:size], order[size:]))
    classifier = _classifier(start)

    def loss() -> Tensor:
        batch = [train[i] for i in rng.integers(len(train), size=config.batch_size)]
        return -logsigmoid(_margins(classifier, kind, batch, rng.random(len(batch)) < 0.5)).mean()

    minimise(classifier.model, loss, config.steps, config.lr)
    with torch.no_grad():
        orders = (np.full(len(test), first) for first in (True, False))
        margins = [_margins(classifier, kind, test, winner_first) for winner_first in orders]
    probabilities = torch.stack(margins).double().sigmoid().mean(0).cpu().numpy()
    report = FitReport(len(train), len(test), *_quality(probabilities))
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fit-"))
    with without_progress_bars():
        classifier.model.save_pretrained(part)
        start.tokenizer.save_pretrained(part)
    (part / "report.json").write_text(json.dumps(asdict(report)), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(part, folder)


def _classifier(start: Policy) -> Classifier:
    """A classifier with the body of a language model and one label, whose weights are 0."""
    config = type(start.model.config).from_dict({**start.model.config.to_dict()})
    config.num_labels = 1
    config.pad_token_id = start.tokenizer.pad_token_id
    if config.pad_token_id is None:
        config.pad_token_id = start.end
    model: Any = AutoModelForSequenceClassification.from_config(config)
    model.base_model.load_state_dict(start.model.base_model.state_dict())
    model.to(start.device).eval()
    with torch.no_grad():
        model.score.weight.zero_()
    return Classifier(model, start.tokenizer)


def _margins(
    classifier: Classifier, kind: Kind, comparisons: Sequence[Comparison], winner_first: Mask
) -> Tensor:
    """Log-odds (rows,) that the winner is preferred; pairwise models depend on the order."""
    if kind == "reward":
        winners = _scores(classifier, [(prompt, winner) for prompt, winner, _ in comparisons])
        return winners - _scores(classifier, [(prompt, loser) for prompt, _, loser in comparisons])
    chats = [
        (TEMPLATE.format(prompt=p, a=w if first else x, b=x if first else w),)
        for (p, w, x), first in zip(comparisons, winner_first, strict=True)
    ]
    signs = torch.tensor(np.where(winner_first, 1.0, -1.0), device=classifier.model.device)
    return signs * _scores(classifier, chats)


def _scores(classifier: Classifier, chats: Sequence[Conversation]) -> Tensor:
    """The score of each conversation, (rows,); each distinct one is computed once."""
    index = {chat: i for i, chat in enumerate(dict.fromkeys(chats))}
    scores = classifier.logits([classifier.tokens(chat) for chat in index])[:, 0]
    return scores[torch.tensor([index[chat] for chat in chats], device=scores.device)]


def _quality(p: Float) -> tuple[float, float, float]:
    """Accuracy, log loss and calibration error of ``p``, P(winner preferred), (n,)."""
    accuracy = (p > 0.5).mean() + 0.5 * (p == 0.5).mean()
    log_loss = -np.log(np.maximum(p, 1e-300)).mean()
    both, won = np.concatenate([p, 1 - p]), np.repeat([1.0, 0.0], len(p))
    bins = np.minimum((both * _BINS).astype(int), _BINS - 1)
    errors = [abs((won - both)[bins == k].sum()) for k in range(_BINS)]
    return float(accuracy), float(log_loss), float(sum(errors) / len(both))
