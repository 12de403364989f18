"""Sequence classifiers of transformers, which preference models are fitted as and judges use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from games.errors import SpecError
from games.game import Float

if TYPE_CHECKING:
    from torch import Tensor

Conversation = tuple[str, ...]
"""Turns of a user and an assistant in alternation, the user first."""


@dataclass(frozen=True)
class Classifier:
    """A model with one or more labels, and its tokenizer.

    Attributes
    ----------
    model : sequence classifier of transformers
        It finds the end of a text by ``config.pad_token_id``.
    tokenizer : its tokenizer, with a chat template
    """

    model: Any
    tokenizer: Any

    def tokens(self, conversation: Conversation) -> list[int]:
        """Token ids of a conversation in the chat template."""
        roles = ("user", "assistant")
        messages = [{"role": roles[k % 2], "content": t} for k, t in enumerate(conversation)]
        encoding = self.tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)
        return list(encoding["input_ids"])

    def logits(self, rows: Sequence[Sequence[int]]) -> "Tensor":
        """Logits (rows, labels), with gradient; shorter rows are padded to the longest."""
        import torch

        lengths = np.array([len(row) for row in rows])
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, self.model.config.get_text_config().pad_token_id or 0)
        ids[mask] = np.concatenate(rows)
        device = self.model.device
        output = self.model(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=torch.tensor(mask.astype(np.int64), device=device),
        )
        return output.logits

    @property
    def limit(self) -> int:
        """Largest number of tokens that both the model and the tokenizer accept."""
        config = self.model.config.get_text_config()
        positions = getattr(config, "max_position_embeddings", None)
        return int(min(positions or np.inf, self.tokenizer.model_max_length))


@dataclass(frozen=True)
class ClassifierJudge:
    """A judge with a classifier, which is loaded with the judge, on the GPU if one is available.

    Attributes
    ----------
    model : str
        A folder that ``save_pretrained`` wrote, tokenizer included, or a name on the hub.
    batch_size : int >= 1
        Conversations per forward pass; 1 is used if the tokenizer has no pad token.
    dtype : str
        Type of the weights, e.g. "bfloat16"; "auto" is the checkpoint's.

    Raises
    ------
    SpecError
        If torch or transformers is missing; if the model cannot be loaded, was not trained as a
        classifier, or has another number of labels; if the tokenizer has no chat template.
    """

    labels: ClassVar[tuple[int, ...]] = (1,)
    """Numbers of labels that the model may have."""

    model: str
    batch_size: int = 16
    dtype: str = "float32"
    classifier: Classifier = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        who = type(self).__name__
        if not self.batch_size >= 1:
            raise SpecError(f"{who}: batch_size is {self.batch_size!r}, expected at least 1")
        model, tokenizer = self._load()
        if model.config.num_labels not in self.labels:
            expected = " or ".join(map(str, self.labels))
            raise SpecError(
                f"{who}: {self.model} has {model.config.num_labels} labels, expected {expected}"
            )
        if not tokenizer.chat_template:
            raise SpecError(
                f"{who}: the tokenizer of {self.model} has no chat template; set the one that the "
                "model was trained with and save it beside the model"
            )
        if tokenizer.pad_token_id is not None:
            model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
        object.__setattr__(self, "classifier", Classifier(model, tokenizer))

    def _load(self) -> tuple[Any, Any]:
        who = type(self).__name__
        try:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            from llm.models import device, without_progress_bars
        except ImportError as error:
            raise SpecError(
                f"{who}: needs torch and transformers ({error}): pip install 'prefgames[llm]'"
            ) from error
        try:
            with without_progress_bars():
                model, info = AutoModelForSequenceClassification.from_pretrained(
                    self.model, dtype=self.dtype, output_loading_info=True
                )
            tokenizer = AutoTokenizer.from_pretrained(self.model)
            model.to(device())
        except (OSError, ValueError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise SpecError(f"{who}: {self.model} cannot be loaded: {reason}") from error
        if info["missing_keys"]:
            missing = ", ".join(sorted(info["missing_keys"]))
            raise SpecError(
                f"{who}: {self.model} is no trained classifier: {missing} would be random; "
                "give a checkpoint of a sequence classifier"
            )
        return model.eval(), tokenizer

    def logits(self, conversations: Sequence[Conversation]) -> Float:
        """Logits of conversations, (len(conversations), labels); NaN where one is too long.

        Every distinct conversation is computed once, in an order that does not depend on the order
        given, so that equal conversations get bitwise equal logits. What else is in the call
        changes only rounding.
        """
        import torch

        classifier = self.classifier
        distinct = list(dict.fromkeys(conversations))
        tokens = [classifier.tokens(conversation) for conversation in distinct]
        order = [k for k in range(len(distinct)) if len(tokens[k]) <= classifier.limit]
        order.sort(key=lambda k: (len(tokens[k]), tokens[k]))
        logits = np.full((len(distinct), classifier.model.config.num_labels), np.nan)
        size = 1 if classifier.tokenizer.pad_token_id is None else self.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            with torch.inference_mode():
                values = classifier.logits([tokens[k] for k in batch])
            logits[batch] = values.cpu().double().numpy()
        index = {conversation: k for k, conversation in enumerate(distinct)}
        return logits[np.array([index[c] for c in conversations], dtype=np.int64)]
