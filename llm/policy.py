"""A causal language model in two roles: leader (answers a prompt), follower (revises an answer)."""

import copy
import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from games.errors import SolverError

_CACHE_SIZE = 4096

Ids = tuple[int, ...]
"""Token ids of a chat so far (a context), or of an answer with its end (a completion)."""

INSTRUCTION = "Improve the previous answer. Phrase it as if it was the original response."
"""The user's message that asks a follower for a revision.

From the official code of Pasztor et al. 2025, arXiv:2512.16626.
"""


@dataclass(frozen=True)
class PrefixState:
    """The state of a model after a prefix: one row for each distinct text.

    Attributes
    ----------
    cache : DynamicCache
        Keys and values of every layer.
    mask : int tensor (rows, length)
        0 where the text is padded on the left.
    logits : tensor (rows, vocabulary)
        Logits of the next token.
    """

    cache: Any
    mask: Tensor
    logits: Tensor


class Policy:
    """A model and its tokenizer, as a distribution over answers.

    The probability of an answer, given the prompt, is that of its tokens up to and including the
    first end-of-text token. Each distinct context, and each distinct answer to it, is computed
    once, however often it occurs in a batch.

    Parameters
    ----------
    model : causal language model of transformers, possibly with adapters of peft
    tokenizer : its tokenizer, with a chat template and an end-of-text token
        The id of the end-of-text token is ``end``.
    instruction : str
        The user's message between the answer and its revision.
    adapter : bool
        Whether adapters are active; with inactive ones the model serves as its own reference.

    Raises
    ------
    SolverError
        If the tokenizer has no chat template or no end-of-text token.
    """

    def __init__(
        self, model: Any, tokenizer: Any, instruction: str = INSTRUCTION, adapter: bool = True
    ) -> None:
        if tokenizer.chat_template is None or tokenizer.eos_token_id is None:
            raise SolverError(
                "Policy: the tokenizer has no chat template or no end-of-text token; set "
                "tokenizer.chat_template and tokenizer.eos_token, or take an instruction model"
            )
        self.model = model.eval()  # dropout would make sampled and scored probabilities differ
        self.tokenizer = tokenizer
        self.instruction = instruction
        self.adapter = adapter
        self.end = int(tokenizer.eos_token_id)
        self._chat = lru_cache(_CACHE_SIZE)(self._tokens_of_chat)
        self._text = lru_cache(_CACHE_SIZE)(self._decoded)
        bare = model.get_base_model() if hasattr(model, "get_base_model") else model
        keywords = inspect.signature(bare.forward).parameters
        self._cache_keyword = "cache" if "cache" in keywords else "past_key_values"

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return torch.device(self.model.device)

    def frozen(self) -> "Policy":
        """A reference policy: a copy, or the same model with its adapters switched off.

        Without adapters the copy is of the policy as it is now. With adapters the reference is the
        base model; merge adapters that were trained before, if they are to be part of it.
        """
        if hasattr(self.model, "disable_adapter"):
            return Policy(self.model, self.tokenizer, self.instruction, adapter=False)
        return self.copied().requires_grad_(False)

    def copied(self) -> "Policy":
        """An independent copy of all parameters."""
        return Policy(copy.deepcopy(self.model), self.tokenizer, self.instruction, self.adapter)

    def requires_grad_(self, wanted: bool) -> "Policy":
        """Switch gradients of all parameters on or off; return self."""
        self.model.requires_grad_(wanted)
        return self

    # --- text and tokens -------------------------------------------------------------------------

    def context(self, prompt: str, answer: str | None = None) -> Ids:
        """Tokens of the leader's chat with ``prompt``; given an answer, of the follower's chat."""
        return self._chat(prompt, answer)

    def _tokens_of_chat(self, prompt: str, answer: str | None) -> Ids:
        chat = [{"role": "user", "content": prompt}]
        if answer is not None:
            chat += [
                {"role": "assistant", "content": answer},
                {"role": "user", "content": self.instruction},
            ]
        encoding = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return tuple(encoding["input_ids"])

    def completion(self, answer: str) -> Ids:
        """Tokens of an answer, with the end-of-text token."""
        ids = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return (*ids, self.end)

    def text(self, completion: Ids) -> str:
        """The text of a completion; it ends in "…" if the completion has no end-of-text token."""
        return self._text(completion)

    def _decoded(self, completion: Ids) -> str:
        if self.end not in completion:
            return self._decoded((*completion, self.end)) + "…"
        ids = completion[: completion.index(self.end)]
        return str(self.tokenizer.decode(ids, skip_special_tokens=False))

    # --- the model -------------------------------------------------------------------------------

    def prefill(self, contexts: Sequence[Ids]) -> PrefixState:
        """Compute the state after each context; shorter ones are padded on the left."""
        longest = max(map(len, contexts))
        pad = self.tokenizer.pad_token_id
        pad = self.end if pad is None else pad
        rows = [(pad,) * (longest - len(c)) + tuple(c) for c in contexts]
        real = [(0,) * (longest - len(c)) + (1,) * len(c) for c in contexts]
        tokens, mask = (torch.tensor(x, device=self.device) for x in (rows, real))
        _, state = self._forward(tokens, mask, DynamicCache(), last=1)
        return state

    def extend(
        self, state: PrefixState, rows: Tensor, tokens: Tensor
    ) -> tuple[Tensor, PrefixState]:
        """Continue the texts in ``rows`` (m,) by ``tokens`` (m, t).

        Returns
        -------
        logits : tensor (m, t, vocabulary)
        state : PrefixState
            After the last token.
        """
        cache = DynamicCache()
        for i, layer in enumerate(state.cache.layers):
            cache.update(layer.keys[rows], layer.values[rows], i)
        mask = torch.cat([state.mask[rows], torch.ones_like(tokens)], dim=1)
        return self._forward(tokens, mask, cache, last=tokens.shape[1])

    def _forward(
        self, tokens: Tensor, mask: Tensor, cache: Any, last: int
    ) -> tuple[Tensor, PrefixState]:
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        with self._adapters():
            out = self.model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=positions,
                use_cache=True,
                logits_to_keep=last,
                **{self._cache_keyword: cache},
            )
        logits = out.logits.to(torch.promote_types(out.logits.dtype, torch.float32))
        return logits, PrefixState(cache, mask, logits[:, -1])

    def _adapters(self) -> AbstractContextManager[Any]:
        if self.adapter or not hasattr(self.model, "disable_adapter"):
            return nullcontext()
        return self.model.disable_adapter()  # type: ignore[no-any-return]

    def token_log_probs(
        self, contexts: Sequence[Ids], completions: Sequence[Ids]
    ) -> tuple[Tensor, Tensor]:
        """Log-probability of every token of each completion after its context.

        Returns
        -------
        log_probs : tensor (n, longest), 0 beyond a completion's end
        mask : bool tensor (n, longest)
        """
        pairs = {
            pair: i for i, pair in enumerate(dict.fromkeys(zip(contexts, completions, strict=True)))
        }
        distinct = {context: i for i, context in enumerate(dict.fromkeys(contexts))}
        state = self.prefill(list(distinct))
        tokens, mask = padded([completion for _, completion in pairs], self.device)
        rows = torch.tensor([distinct[context] for context, _ in pairs], device=self.device)
        logits = state.logits[rows, None]
        if tokens.shape[1] > 1:
            logits = torch.cat([logits, self.extend(state, rows, tokens[:, :-1])[0]], dim=1)
        log_probs = logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
        place = [pairs[pair] for pair in zip(contexts, completions, strict=True)]
        index = torch.tensor(place, device=self.device)
        return (log_probs * mask)[index], mask[index]

    def log_probs(self, contexts: Sequence[Ids], completions: Sequence[Ids]) -> Tensor:
        """Log-probability (n,) of each completion after its context."""
        return self.token_log_probs(contexts, completions)[0].sum(-1)


def padded(completions: Sequence[Ids], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens (n, longest), padded on the right with 0, and a mask that is False on padding."""
    longest = max(map(len, completions))
    rows = [(*c, *(0,) * (longest - len(c))) for c in completions]
    lengths = torch.tensor([[len(c)] for c in completions], device=device)
    return torch.tensor(rows, device=device), torch.arange(longest, device=device) < lengths
