"""Models of preferences fitted to comparisons: Bradley-Terry rewards, or pairs read together.

The first can hold no cycle, the second can. Both begin as a copy of a language model whose output
layer is replaced by one number, and are saved as transformers' sequence classifiers, which the
judges ``reward_model`` and ``pairwise_model`` load.
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

Kind = Literal["reward", "pairwise"]
Comparison = tuple[str, str, str]
"""Prompt, winner, loser."""

TEMPLATE = "{prompt} First : {a} Second : {b} Better ?"
"""What a pairwise model reads; short, because a small model reads few words."""

_BINS = 10


@dataclass(frozen=True)
class FitConfig:
    """How a preference model is fitted.

    Attributes
    ----------
    steps : int >= 1
        Steps of AdamW.
    batch_size : int >= 1
        Comparisons a step.
    lr : float > 0
        It falls to 0 as a cosine.
    held_out : float in (0, 1)
        Share of the comparisons that the fit does not use, to be tested on afterwards.
    """

    steps: int = 200
    batch_size: int = 256
    lr: float = 2e-3
    held_out: float = 0.2

    def __post_init__(self) -> None:
        require(self, steps=(1, np.inf), batch_size=(1, np.inf), lr=(1e-12, np.inf))
        require(self, held_out=(1e-9, 1 - 1e-9))


@dataclass(frozen=True)
class FitReport:
    """How good a fit is on held-out comparisons; of their pairs it was fitted to others.

    Attributes
    ----------
    train, held_out : int
        Numbers of comparisons.
    accuracy : float in [0, 1]
        Share of held-out comparisons whose winner the model prefers; ties count half.
    log_loss : float >= 0
        Mean of -log P(winner preferred), in nats; log 2 is a coin's.
    calibration_error : float in [0, 1]
        Mean over held-out comparisons of |share won - mean P| in ten bins of P, winners and losers
        both counted (expected calibration error).
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
    """Minimise -log sigmoid(score of the winner over the loser); the model is left in ``folder``.

    A reward model's score is r(prompt, winner) - r(prompt, loser); a pairwise model's is what it
    says of the answer in the first place, which is the winner half of the time.

    Parameters
    ----------
    kind : "reward" or "pairwise"
    start : Policy
        Its model is copied, not changed.
    comparisons : at least two
    config : FitConfig
    seed : int
        Of what is held out, the batches and the orders.
    folder : Path
        Written whole or not at all; a fit that is there already is not done again.

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
    chances = torch.stack(margins).double().sigmoid().mean(0).cpu().numpy()
    report = FitReport(len(train), len(test), *_quality(chances))
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fit-"))
    with without_progress_bars():
        classifier.model.save_pretrained(part)
        start.tokenizer.save_pretrained(part)
    (part / "report.json").write_text(json.dumps(asdict(report)), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(part, folder)


def _classifier(start: Policy) -> Classifier:
    """The body of a language model with one label; its head begins at 0."""
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
    """Log-odds (rows,) that the winner is preferred; which answer is first matters to pairs."""
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
    """One number a conversation, each distinct one read once."""
    place = {chat: i for i, chat in enumerate(dict.fromkeys(chats))}
    scores = classifier.logits([classifier.tokens(chat) for chat in place])[:, 0]
    return scores[torch.tensor([place[chat] for chat in chats], device=scores.device)]


def _quality(chances: Float) -> tuple[float, float, float]:
    """Accuracy, log loss and calibration error of P(winner preferred), (n,)."""
    accuracy = (chances > 0.5).mean() + 0.5 * (chances == 0.5).mean()
    log_loss = -np.log(np.maximum(chances, 1e-300)).mean()
    both, won = np.concatenate([chances, 1 - chances]), np.repeat([1.0, 0.0], len(chances))
    bins = np.minimum((both * _BINS).astype(int), _BINS - 1)
    off = [abs((won - both)[bins == k].sum()) for k in range(_BINS)]
    return float(accuracy), float(log_loss), float(sum(off) / len(both))
