"""Sequence classifiers of transformers, asked about conversations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from games.errors import SpecError
from games.game import Float

Conversation = tuple[str, ...]
"""Turns of a user and an assistant, the user first."""


@dataclass(frozen=True)
class Classifier:
    """A classifier and its tokenizer, loaded when it is made, on the accelerator if there is one.

    Attributes
    ----------
    model : str
        A folder that ``save_pretrained`` wrote, tokenizer included, or a name on the hub.
    batch_size : int >= 1
        Conversations read at once; 1 if the tokenizer has no pad token.
    dtype : str
        Type of the weights, e.g. "bfloat16"; without it transformers takes the checkpoint's.

    Raises
    ------
    SpecError
        If torch or transformers is missing; if the model cannot be loaded, was not trained as a
        classifier, or has another number of labels; if the tokenizer has no chat template.
    """

    labels: ClassVar[tuple[int, ...]] = (1,)
    """How many labels such a model may have."""

    model: str
    batch_size: int = 16
    dtype: str = "float32"
    _loaded: tuple[Any, Any] = field(init=False, repr=False, compare=False)

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
            # where the model looks for the end of the text
            model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
        object.__setattr__(self, "_loaded", (model, tokenizer))

    def _load(self) -> tuple[Any, Any]:
        who = type(self).__name__
        try:
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            from llm.quiet import quiet
        except ImportError as error:
            raise SpecError(
                f"{who}: needs torch and transformers ({error}): pip install 'prefgames[llm]'"
            ) from error
        try:
            with quiet():
                model, found = AutoModelForSequenceClassification.from_pretrained(
                    self.model, dtype=self.dtype, output_loading_info=True
                )
            tokenizer = AutoTokenizer.from_pretrained(self.model)
            model.to(torch.accelerator.current_accelerator(check_available=True) or "cpu")
        except (OSError, ValueError, AttributeError, RuntimeError) as error:
            told = " ".join(str(error).split())
            raise SpecError(f"{who}: {self.model} cannot be loaded: {told}") from error
        if found["missing_keys"]:
            missing = ", ".join(sorted(found["missing_keys"]))
            raise SpecError(
                f"{who}: {self.model} is no trained classifier: {missing} would be random; "
                "give a checkpoint of a sequence classifier"
            )
        return model.eval(), tokenizer

    def logits(self, conversations: Sequence[Conversation]) -> Float:
        """What the classifier says, shape (len(conversations), labels); NaN where one is too long.

        Every distinct conversation is read once, in an order that does not depend on theirs, so
        that equal ones get equal logits to the last bit; other company changes only rounding.
        """
        import torch

        model, tokenizer = self._loaded
        asked = list(dict.fromkeys(conversations))
        tokens = [self._tokens(conversation) for conversation in asked]
        limit = self._limit()
        order = [k for k in range(len(asked)) if len(tokens[k]) <= limit]
        order.sort(key=lambda k: (len(tokens[k]), tokens[k]))
        logits = np.full((len(asked), model.config.num_labels), np.nan)
        size = 1 if tokenizer.pad_token_id is None else self.batch_size
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            lengths = np.array([len(tokens[k]) for k in batch])
            mask = np.arange(lengths.max()) < lengths[:, None]
            ids = np.full(mask.shape, tokenizer.pad_token_id or 0)
            ids[mask] = np.concatenate([tokens[k] for k in batch])
            with torch.inference_mode():
                read = model(
                    input_ids=torch.tensor(ids, device=model.device),
                    attention_mask=torch.tensor(mask.astype(np.int64), device=model.device),
                )
            logits[batch] = read.logits.cpu().double().numpy()
        place = {conversation: k for k, conversation in enumerate(asked)}
        return logits[np.array([place[c] for c in conversations], dtype=np.int64)]

    def _tokens(self, conversation: Conversation) -> list[int]:
        _, tokenizer = self._loaded
        roles = ("user", "assistant")
        messages = [{"role": roles[k % 2], "content": t} for k, t in enumerate(conversation)]
        read = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)
        return list(read["input_ids"])

    def _limit(self) -> int:
        """How many tokens model and tokenizer say they can hold."""
        model, tokenizer = self._loaded
        config = model.config.get_text_config()
        held = getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length
        return int(min(held, tokenizer.model_max_length))
