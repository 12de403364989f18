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
from llm.policy import Policy
from llm.quiet import quiet
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
        Share of the comparisons that are only looked at afterwards.
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
    """How good a fit is on comparisons that it has not seen; of their pairs it has seen others.

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
    apart = min(len(order) - 1, max(1, round(config.held_out * len(order))))
    held, train = ([comparisons[i] for i in part] for part in (order[:apart], order[apart:]))
    model = _Scorer(kind, start)
    parameters = [p for p in model.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, config.lr, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for _ in range(config.steps):
        batch = [train[i] for i in rng.integers(len(train), size=config.batch_size)]
        loss = -logsigmoid(model.margins(batch, rng.random(len(batch)) < 0.5)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        both = [model.margins(held, np.full(len(held), first)) for first in (True, False)]
    chances = torch.stack(both).double().sigmoid().mean(0).cpu().numpy()
    found = FitReport(len(train), len(held), *_quality(chances))
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".fit-"))
    with quiet():
        model.model.save_pretrained(part)
        start.tokenizer.save_pretrained(part)
    (part / "report.json").write_text(json.dumps(asdict(found)), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(part, folder)


class _Scorer:
    """A classifier with one label on the body of a language model; its head begins at 0."""

    def __init__(self, kind: Kind, start: Policy) -> None:
        self.kind, self.tokenizer = kind, start.tokenizer
        config = type(start.model.config).from_dict({**start.model.config.to_dict()})
        config.num_labels = 1
        config.pad_token_id = start.tokenizer.pad_token_id
        if config.pad_token_id is None:
            config.pad_token_id = start.end
        self.pad = config.pad_token_id
        self.model: Any = AutoModelForSequenceClassification.from_config(config)
        self.model.base_model.load_state_dict(start.model.base_model.state_dict())
        self.model.to(start.device).train(False)
        with torch.no_grad():
            self.model.score.weight.zero_()

    def margins(self, comparisons: Sequence[Comparison], first: Any) -> Tensor:
        """Log-odds (rows,) that the winner is preferred; ``first``: whether it stands first."""
        if self.kind == "reward":
            winners = self._scores([(prompt, winner) for prompt, winner, _ in comparisons])
            return winners - self._scores([(prompt, loser) for prompt, _, loser in comparisons])
        chats = [
            (TEMPLATE.format(prompt=p, a=w if ahead else x, b=x if ahead else w),)
            for (p, w, x), ahead in zip(comparisons, first, strict=True)
        ]
        signs = torch.tensor(np.where(first, 1.0, -1.0), device=self.model.device)
        return signs * self._scores(chats)

    def _scores(self, chats: Sequence[tuple[str, ...]]) -> Tensor:
        """One number a conversation, each distinct one read once."""
        place = {chat: i for i, chat in enumerate(dict.fromkeys(chats))}
        roles = ("user", "assistant")
        read = [
            self.tokenizer.apply_chat_template(
                [{"role": roles[k % 2], "content": text} for k, text in enumerate(chat)],
                tokenize=True,
                return_dict=True,
            )["input_ids"]
            for chat in place
        ]
        longest = max(map(len, read))
        device = self.model.device
        ids = torch.tensor([row + [self.pad] * (longest - len(row)) for row in read], device=device)
        mask = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in read], device=device
        )
        scores = self.model(input_ids=ids, attention_mask=mask).logits[:, 0]
        return scores[torch.tensor([place[chat] for chat in chats], device=device)]


def _quality(chances: Float) -> tuple[float, float, float]:
    """Accuracy, log loss and calibration error of P(winner preferred), (n,)."""
    accuracy = (chances > 0.5).mean() + 0.5 * (chances == 0.5).mean()
    log_loss = -np.log(np.maximum(chances, 1e-300)).mean()
    both, won = np.concatenate([chances, 1 - chances]), np.repeat([1.0, 0.0], len(chances))
    bins = np.minimum((both * _BINS).astype(int), _BINS - 1)
    off = [abs((won - both)[bins == k].sum()) for k in range(_BINS)]
    return float(accuracy), float(log_loss), float(sum(off) / len(both))
