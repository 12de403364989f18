"""The rollout of one training step: completions are drawn, scored and judged, at a cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from games import SolverError
from games.game import Float
from llm.policy import Ids, Policy
from llm.sampling import Mixture, sample


@dataclass(frozen=True)
class Completions:
    """A batch of completions, one per row.

    Attributes
    ----------
    prompts : sequence of str
    contexts : sequence of token ids
        Tokens of the chats that the completions continue.
    ids : sequence of token ids
        Tokens of the completions, end-of-text tokens included.
    texts : sequence of str
        The completions as text.
    """

    prompts: Sequence[str]
    contexts: Sequence[Ids]
    ids: Sequence[Ids]
    texts: Sequence[str]

    @property
    def read_tokens(self) -> int:
        """Number of tokens that a model reads to score all rows, one by one."""
        return sum(map(len, self.contexts)) + sum(map(len, self.ids))


@dataclass(frozen=True)
class Scored:
    """Log-probabilities of the tokens of completions; 0 beyond the end of a completion.

    Attributes
    ----------
    policy : tensor (rows, tokens)
        With gradient.
    reference : tensor (rows, tokens)
    """

    policy: Tensor
    reference: Tensor

    @property
    def log_ratio(self) -> Tensor:
        """Log pi(y) / ref(y), (rows,), with gradient."""
        return (self.policy - self.reference).sum(-1)


@dataclass
class Cost:
    """What a training has cost so far; ``seconds`` is the time in its steps alone.

    Forward and backward tokens are those of scoring, counted row by row: a text that occurs several
    times in a batch is computed once and counted each time. Tokens read for sampling are not
    counted.
    """

    steps: int = 0
    generated_tokens: int = 0
    judge_calls: int = 0
    abstained: int = 0
    forward_tokens: int = 0
    backward_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Rollout:
    """What a loss can do in one step: draw completions, score them, ask the judge, at a cost.

    Attributes
    ----------
    policy, reference : Policy
        The policy is trained, the reference is not.
    judge : judge, or scorer for learners that need rewards
    prompts : list of str
        One per row.
    generator : torch.Generator
    max_new_tokens : int
    cost : Cost
    follower : Policy, optional
        A follower with separate parameters; by default the policy plays both roles.
    opponent : Policy, optional
        What the policy is compared with in an extragradient step; by default the policy itself.
    previous : Policy, optional
        The frozen policy of the last refresh, for learners that need it.
    data : sequence of (prompt, winner, loser), optional
        The comparisons, for learners that need a data set.
    """

    policy: Policy
    reference: Policy
    judge: Any
    prompts: Sequence[str]
    generator: torch.Generator
    max_new_tokens: int = 16
    cost: Cost = field(default_factory=Cost)
    follower: Policy | None = None
    opponent: Policy | None = None
    previous: Policy | None = None
    data: Sequence[tuple[str, str, str]] = ()

    @property
    def last(self) -> Policy:
        """The policy of the last refresh, ``previous``, which must not be None.

        Raises
        ------
        SolverError
            If the learner has no ``refresh_every``, so that no previous policy is kept.
        """
        if self.previous is None:
            raise SolverError("the learner asks for its last policy but has no refresh_every")
        return self.previous

    # --- completions -----------------------------------------------------------------------------

    def answers(self, mixture: Mixture | None = None, copies: int = 1) -> Completions:
        """Draw ``copies`` answers to every prompt, from the policy or from a mixture.

        The rows go through all prompts once, then through all of them again, and so on.
        """
        prompts = [*self.prompts] * copies
        contexts = [self.policy.context(prompt) for prompt in prompts]
        return self._sample(mixture or [(1.0, self.policy)], prompts, contexts)

    def revisions(self, answers: Completions) -> Completions:
        """Draw the follower's revision of every answer."""
        contexts = [
            self.policy.context(prompt, text)
            for prompt, text in zip(answers.prompts, answers.texts, strict=True)
        ]
        return self._sample([(1.0, self.follower or self.policy)], answers.prompts, contexts)

    def _sample(
        self, mixture: Mixture, prompts: Sequence[str], contexts: Sequence[Ids]
    ) -> Completions:
        ids = sample(mixture, contexts, self.max_new_tokens, self.generator)
        self.cost.generated_tokens += sum(map(len, ids))
        return Completions(prompts, contexts, ids, [self.policy.text(row) for row in ids])

    def sample_pairs(self) -> tuple[Completions, Completions]:
        """Draw one comparison per prompt from the data set; return winners and losers."""
        device = self.generator.device
        shape = (len(self.prompts),)
        indices = torch.randint(len(self.data), shape, generator=self.generator, device=device)
        rows = [self.data[i] for i in indices.tolist()]
        prompts = [prompt for prompt, _, _ in rows]
        winners, losers = ([row[k] for row in rows] for k in (1, 2))
        return self.encoded(prompts, winners), self.encoded(prompts, losers)

    def encoded(self, prompts: Sequence[str], texts: Sequence[str]) -> Completions:
        """The completions with these texts as answers to these prompts."""
        contexts = [self.policy.context(prompt) for prompt in prompts]
        return Completions(
            prompts, contexts, [self.policy.completion(text) for text in texts], texts
        )

    # --- log-probabilities -----------------------------------------------------------------------

    def score(self, completions: Completions, by: Policy | None = None) -> Scored:
        """Log-probabilities under the policy (or ``by``), with gradient, and the reference."""
        log_probs, _ = (by or self.policy).token_log_probs(completions.contexts, completions.ids)
        with torch.no_grad():
            reference, _ = self.reference.token_log_probs(completions.contexts, completions.ids)
        self.cost.forward_tokens += 2 * completions.read_tokens
        self.cost.backward_tokens += completions.read_tokens
        return Scored(log_probs, reference)

    def log_ratio(self, completions: Completions) -> Tensor:
        """Log pi(y) / ref(y), (rows,), with gradient."""
        return self.score(completions).log_ratio

    def log_prob(self, completions: Completions) -> Tensor:
        """Log pi(y), (rows,), with gradient."""
        self.cost.forward_tokens += completions.read_tokens
        self.cost.backward_tokens += completions.read_tokens
        return self.policy.log_probs(completions.contexts, completions.ids)

    @torch.no_grad()
    def frozen_log_prob(self, completions: Completions, by: Policy) -> Tensor:
        """Log-probability (rows,) under a frozen policy."""
        self.cost.forward_tokens += completions.read_tokens
        return by.log_probs(completions.contexts, completions.ids)

    # --- the judge -------------------------------------------------------------------------------

    def prefer(self, a: Completions, b: Completions) -> Tensor:
        """P(a is preferred to b), (rows,); 1/2 where the judge abstains, which is counted."""
        return self._judged(self.judge.prefer(a.prompts, a.texts, b.texts), 0.5)

    def reward(self, completions: Completions) -> Tensor:
        """Scalar rewards (rows,); where the judge abstains, which is counted, the least reward."""
        scores = self.judge.score(completions.prompts, completions.texts)
        least = np.nanmin(scores) if not np.isnan(scores).all() else 0.0
        return self._judged(scores, least)

    def _judged(self, verdicts: Float, default: float) -> Tensor:
        abstained = np.isnan(verdicts)
        self.cost.judge_calls += len(verdicts)
        self.cost.abstained += int(abstained.sum())
        values = torch.from_numpy(np.where(abstained, default, verdicts))
        return values.to(self.policy.device, torch.get_default_dtype())
