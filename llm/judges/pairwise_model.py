"""A classifier of pairs of answers as a judge; its preferences can have cycles.

Preference models as in Munos et al. 2023, arXiv:2312.00886, Section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from games import numerics
from games.game import Float
from llm.classifier import ClassifierJudge
from llm.judges.judge import COMPARISON, OrderedJudge, Texts, require_template


@dataclass(frozen=True)
class PairwiseModelJudge(OrderedJudge, ClassifierJudge):
    """P(a, b) = (p(a, b) + 1 - p(b, a)) / 2, p the classifier's probability of the first.

    The classifier reads one user message, the filled-in template, in the tokenizer's chat
    template. p = sigmoid(logit) for a model with one label, softmax(logits)[0] for one with two,
    where label 0 means that the first answer is better. It abstains on pairs that are too long.

    Attributes
    ----------
    model, batch_size, dtype
        As for ``ClassifierJudge``.
    template : str with the fields {prompt}, {a} and {b}
        The template that the model was trained with.

    Raises
    ------
    SpecError
        If the template has other fields, or the model cannot be used; see ``ClassifierJudge``.
    """

    labels: ClassVar[tuple[int, ...]] = (1, 2)

    template: str = COMPARISON

    def __post_init__(self) -> None:
        require_template(self, self.template)
        super().__post_init__()

    def first_wins(
        self, prompts: Texts, first: Texts, second: Texts, **columns: Sequence[Any]
    ) -> Float:
        """Probabilities that the answer shown first is preferred, in this order only."""
        del columns
        texts = zip(prompts, first, second, strict=True)
        logits = self.logits([(self.template.format(prompt=p, a=a, b=b),) for p, a, b in texts])
        other = logits[:, 1] if logits.shape[1] == 2 else 0
        return np.asarray(numerics.sigmoid(logits[:, 0] - other))
