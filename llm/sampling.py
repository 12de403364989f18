"""Sampling of completions, from one policy or from a mixture that is formed token by token."""

from collections.abc import Sequence

import torch
from torch import Tensor

from games.errors import SolverError
from llm.policy import Ids, Policy

Mixture = Sequence[tuple[float, Policy]]
"""Pairs of a weight > 0 and a policy; weights sum to 1, and the policies share a tokenizer."""


@torch.no_grad()
def sample(
    mixture: Mixture,
    contexts: Sequence[Ids],
    max_new_tokens: int,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> list[Ids]:
    """Draw a completion for each context; it ends in the end-of-text token unless it is too long.

    A token is drawn with probability proportional to prod_k pi_k(token | text so far)^weight_k,
    without truncation (no top-k, no top-p). With several policies this is not the mixture of whole
    answers.

    Each distinct text is computed once, so that the cost of many draws from one context grows with
    the number of different completions only.

    Parameters
    ----------
    mixture : pairs of weight and policy
    contexts : sequence of token ids
    max_new_tokens : int >= 1
    generator : torch.Generator on the policies' device
    temperature : float > 0
        Divides the logits; if it is not 1, samples do not follow the policies' log-probabilities.

    Raises
    ------
    SolverError
        If a number is out of range.
    """
    if max_new_tokens < 1 or not temperature > 0:
        raise SolverError(
            f"sample: max_new_tokens {max_new_tokens} and temperature {temperature} must be "
            "at least 1 and positive"
        )
    policies = [policy for _, policy in mixture]
    end, device = policies[0].end, policies[0].device
    distinct = {context: i for i, context in enumerate(dict.fromkeys(contexts))}
    states = [policy.prefill(list(distinct)) for policy in policies]
    row = torch.tensor([distinct[context] for context in contexts], device=device)
    active = torch.arange(len(contexts), device=device)
    sampled: list[list[int]] = [[] for _ in contexts]
    for step in range(max_new_tokens):
        logits = mix_logits([weight for weight, _ in mixture], [state.logits for state in states])
        probabilities = (logits / temperature).softmax(-1)
        tokens = torch.multinomial(probabilities[row], 1, generator=generator)[:, 0]
        for index, token in zip(active.tolist(), tokens.tolist(), strict=True):
            sampled[index].append(token)
        unfinished = tokens != end
        if step == max_new_tokens - 1 or not unfinished.any():
            break
        active = active[unfinished]
        branches, row = torch.stack([row[unfinished], tokens[unfinished]], 1).unique(
            dim=0, return_inverse=True
        )
        states = [
            policy.extend(state, branches[:, 0], branches[:, 1:])[1]
            for policy, state in zip(policies, states, strict=True)
        ]
    return [tuple(ids) for ids in sampled]


def mix_logits(weights: Sequence[float], logits: Sequence[Tensor]) -> Tensor:
    """Logits of the geometric mixture of distributions over the last axis."""
    parts = [w * x.log_softmax(-1) for w, x in zip(weights, logits, strict=True)]
    return torch.stack(parts).sum(0)
