"""A scalar reward model of transformers as judge.

Bradley-Terry reward models as in Ouyang et al. 2022, arXiv:2203.02155.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from games.game import Float
from llm.classifier import ClassifierJudge
from llm.judges.judge import ScalarJudge, Texts, require_pairs


@dataclass(frozen=True)
class RewardModelJudge(ScalarJudge, ClassifierJudge):
    """P(a, b) = sigmoid(r(prompt, a) - r(prompt, b)), r being the one label of a classifier.

    The model reads the user's prompt and the assistant's answer through the tokenizer's chat
    template. It abstains on conversations longer than it can hold, rather than score what is left
    of them. For votes of several models see ``EnsembleJudge``.

    Attributes
    ----------
    model, batch_size, dtype
        As for ``ClassifierJudge``.

    Raises
    ------
    SpecError
        If the model cannot be used; see ``ClassifierJudge``.
    """

    labels: ClassVar[tuple[int, ...]] = (1,)

    def score(self, prompts: Texts, answers: Texts, **columns: Sequence[Any]) -> Float:
        """Rewards of the answers."""
        del columns
        require_pairs(self, prompts, answers)
        return self.logits(list(zip(prompts, answers, strict=True)))[:, 0]
