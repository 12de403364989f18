"""Drawing answers: temperature 1, nothing cut off, from one policy or a mixture token by token."""

from collections.abc import Sequence

import torch
from torch import Tensor

from games.errors import SolverError
from llm.policy import Ids, Policy

Mixture = Sequence[tuple[float, Policy]]
"""Weights > 0 that sum to 1, each with a policy; all policies share a tokenizer."""


@torch.no_grad()
def sample(
    mixture: Mixture,
    contexts: Sequence[Ids],
    max_new_tokens: int,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> list[Ids]:
    """One completion for each context; it ends with the end-of-text token unless it is too long.

    With several policies every token is drawn from the distribution proportional to
    prod_k pi_k(token | text so far)^weight_k. This is not the mixture of whole answers.

    The texts so far are kept once each: a thousand draws from one context cost the model as much
    as there are different answers among them.

    Parameters
    ----------
    mixture : pairs of weight and policy
    contexts : sequence of token ids
    max_new_tokens : int >= 1
    generator : torch.Generator on the policies' device
    temperature : float > 0
        Logits are divided by it; other than 1, log-probabilities are no longer those of the
        samples.

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
    states = [policy.read(list(distinct)) for policy in policies]
    row = torch.tensor([distinct[context] for context in contexts], device=device)
    alive = torch.arange(len(contexts), device=device)
    drawn: list[list[int]] = [[] for _ in contexts]
    for step in range(max_new_tokens):
        logits = mixed([weight for weight, _ in mixture], [state.logits for state in states])
        chances = (logits / temperature).softmax(-1)
        tokens = torch.multinomial(chances[row], 1, generator=generator)[:, 0]
        for place, token in zip(alive.tolist(), tokens.tolist(), strict=True):
            drawn[place].append(token)
        going = tokens != end
        if step == max_new_tokens - 1 or not going.any():
            break
        alive = alive[going]
        branches, row = torch.stack([row[going], tokens[going]], 1).unique(
            dim=0, return_inverse=True
        )
        states = [
            policy.extend(state, branches[:, 0], branches[:, 1:])[1]
            for policy, state in zip(policies, states, strict=True)
        ]
    return [tuple(ids) for ids in drawn]


def mixed(weights: Sequence[float], logits: Sequence[Tensor]) -> Tensor:
    """Logits of the geometric mixture of distributions along the last axis."""
    parts = [w * x.log_softmax(-1) for w, x in zip(weights, logits, strict=True)]
    return torch.stack(parts).sum(0)
