"""A small language model and the game of three answers that it learns, for tests."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from games import PreferenceGame
from llm.models import tiny
from llm.policy import Ids, Policy, padded
from llm.sampling import Mixture, mix_logits
from llm.sft import SftConfig, fine_tune
from llm.tasks import Task, verbalize

REF = [0.2, 0.3, 0.5]
FOLLOWER = [[0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.3, 0.5, 0.2]]
CYCLE = [[0.5, 0.7, 0.45], [0.3, 0.5, 0.8], [0.55, 0.2, 0.5]]
"""At tau = 0.1 every concept's answer is more than 0.2 from ``REF`` in total variation."""
REWARDS = np.array([0.9, -0.1, -0.8])
NAMES = ("a", "b c", "b d a")


def cycle() -> PreferenceGame:
    """A game with a cycle, unequal references and unequal pairs."""
    pairs = [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    return PreferenceGame(CYCLE, REF, FOLLOWER, pairs, NAMES)


def ladder() -> PreferenceGame:
    """The game of ``REWARDS``, which is Bradley-Terry."""
    return replace(cycle(), P=1 / (1 + np.exp(REWARDS - REWARDS[:, None])))


def cycle_task() -> Task:
    """The game as a task."""
    return verbalize(cycle())


def untrained(*more: str, seed: int = 0) -> Policy:
    """An untrained model whose vocabulary is the words of the game."""
    task = cycle_task()
    return Policy(*tiny([*task.prompts, *task.answers, *more], seed))


def briefly_tuned(steps: int = 60) -> Policy:
    """A model fine-tuned on the references, with little mass on invalid answers."""
    policy = untrained()
    fine_tune(policy, cycle_task(), SftConfig(steps=steps))
    return policy


def precise(policy: Policy) -> Policy:
    """A copy in double precision."""
    return Policy(copy.deepcopy(policy.model).double(), policy.tokenizer)


def plain_log_prob(policy: Policy, context: Ids, completion: Ids) -> float:
    """Log-probability of a completion from one pass, without cache or padding."""
    import torch

    with torch.no_grad():
        ids = torch.tensor([[*context, *completion]])
        logits = policy.model(input_ids=ids, use_cache=False).logits[0].double().numpy()
    total = 0.0
    for k, token in enumerate(completion, len(context) - 1):
        total += logits[k, token] - np.log(np.exp(logits[k]).sum())
    return float(total)


def parameters(policy: Policy) -> dict[str, Any]:
    """A copy of the current parameters."""
    return {name: p.detach().clone() for name, p in policy.model.named_parameters()}


def equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether all parameters are bitwise equal."""
    import torch

    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def gpt2(tokenizer: Any, seed: int = 0) -> Any:
    """A model with absolute positions: its logits change if positions are shifted."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=64,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2LMHeadModel(config)


def spelt(policy: Policy, ids: Sequence[int]) -> str:
    """The tokens as text, special tokens included."""
    return " ".join(policy.tokenizer.convert_ids_to_tokens(list(ids)))


@torch.no_grad()
def mixture_log_probs(
    mixture: Mixture, contexts: Sequence[Ids], completions: Sequence[Ids]
) -> Tensor:
    """Log-probability (n,) with which ``sample`` draws each completion."""
    parts, device = [], mixture[0][1].device
    tokens, mask = padded(completions, device)
    rows = torch.arange(len(contexts), device=device)
    for _, policy in mixture:
        state = policy.prefill(contexts)
        logits = state.logits[:, None]
        if tokens.shape[1] > 1:
            logits = torch.cat([logits, policy.extend(state, rows, tokens[:, :-1])[0]], dim=1)
        parts.append(logits)
    log_probs = mix_logits([weight for weight, _ in mixture], parts).log_softmax(-1)
    return (log_probs.gather(-1, tokens[..., None])[..., 0] * mask).sum(-1)
