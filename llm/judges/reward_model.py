"""A scalar reward model of transformers as a judge.

Bradley-Terry reward models as in Ouyang et al. 2022, arXiv:2203.02155.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from games.game import Float
from llm.classifier import ClassifierJudge
from llm.judges.judge import ScalarJudge, Texts, require_pairs


@dataclass(frozen=True)
class RewardModelJudge(ScalarJudge, ClassifierJudge):
    """P(a, b) = sigmoid(r(prompt, a) - r(prompt, b)), r the single logit of a classifier.

    The model reads the prompt and the answer in the tokenizer's chat template. It abstains on
    conversations that are too long for it, rather than truncate them. For votes of several models
    see ``EnsembleJudge``.

    Attributes
    ----------
    model, batch_size, dtype
        As for ``ClassifierJudge``.

    Raises
    ------
    SpecError
        If the model cannot be used; see ``ClassifierJudge``.
    """

    def score(self, prompts: Texts, answers: Texts, **columns: Sequence[Any]) -> Float:
        """Rewards of the answers."""
        del columns
        require_pairs(self, prompts, answers)
        return self.logits(list(zip(prompts, answers, strict=True)))[:, 0]
