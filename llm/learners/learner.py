"""What a learner is: a loss whose gradient language models descend, and the play it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from games import PreferenceGame, SolverError
from games.game import Float
from llm.policy import Ids, Policy
from llm.sampling import Mixture, sample
from solvers import Solution
from solvers.solver import Concept

KlEstimator = Literal["k1", "k2", "k3"]

Gradient = tuple[Float, Float | None]
"""In the logits of the leader (..., n), and of the follower (..., n, n) where there is one."""


@dataclass(frozen=True)
class Draw:
    """Answers in a batch, one a row: after which chat, in which tokens, in which words."""

    prompts: Sequence[str]
    contexts: Sequence[Ids]
    completions: Sequence[Ids]
    texts: Sequence[str]


@dataclass(frozen=True)
class Scored:
    """Log-probabilities of the tokens of a draw; 0 beyond the end of an answer.

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
class Account:
    """What a training spent so far; ``seconds`` are of the steps alone.

    Forward and backward tokens are those of scoring, as if every row were read by itself: what
    stands several times in a batch is computed once, and counted each time. Those read while
    drawing are left out.
    """

    steps: int = 0
    generated_tokens: int = 0
    judge_calls: int = 0
    abstained: int = 0
    forward_tokens: int = 0
    backward_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Play:
    """What a loss may do in one step: draw answers, score them, ask the judge; all is counted.

    Attributes
    ----------
    policy, reference : Policy
        The policy is what is trained.
    judge : judge, or scorer for learners that need rewards
    prompts : list of str
        One a row.
    generator : torch.Generator
    max_new_tokens : int
    account : Account
    follower : Policy, optional
        A follower with parameters of its own; else the policy plays both roles.
    opponent : Policy, optional
        What the policy is compared with, where a learner looks ahead; else the policy itself.
    previous : Policy, optional
        The frozen policy of the last refresh, where a learner regresses on it.
    data : sequence of (prompt, winner, loser), optional
        Comparisons, for learners that need a data set.
    """

    policy: Policy
    reference: Policy
    judge: Any
    prompts: Sequence[str]
    generator: torch.Generator
    max_new_tokens: int = 16
    account: Account = field(default_factory=Account)
    follower: Policy | None = None
    opponent: Policy | None = None
    previous: Policy | None = None
    data: Sequence[tuple[str, str, str]] = ()

    @property
    def last(self) -> Policy:
        """``previous``, which the training keeps if the learner has a ``refresh_every``.

        Raises
        ------
        SolverError
            If it does not.
        """
        if self.previous is None:
            raise SolverError("the learner asks for its last policy but has no refresh_every")
        return self.previous

    def answers(self, mixture: Mixture | None = None, copies: int = 1) -> Draw:
        """A leader's answers, from the policy or a mixture: one to every prompt, ``copies`` times.

        The first rows answer all prompts once, the next all of them again, and so on.
        """
        prompts = [*self.prompts] * copies
        contexts = [self.policy.context(prompt) for prompt in prompts]
        return self._drawn(mixture or [(1.0, self.policy)], prompts, contexts)

    def revisions(self, answers: Draw) -> Draw:
        """A follower's revision of every answer."""
        contexts = [
            self.policy.context(prompt, text)
            for prompt, text in zip(answers.prompts, answers.texts, strict=True)
        ]
        return self._drawn([(1.0, self.follower or self.policy)], answers.prompts, contexts)

    def compared(self) -> tuple[Draw, Draw]:
        """Winners and losers of as many comparisons as there are prompts, drawn from the data."""
        device = self.generator.device
        shape = (len(self.prompts),)
        picked = torch.randint(len(self.data), shape, generator=self.generator, device=device)
        rows = [self.data[i] for i in picked.tolist()]
        prompts = [prompt for prompt, _, _ in rows]
        winners, losers = ([row[k] for row in rows] for k in (1, 2))
        return self.told(prompts, winners), self.told(prompts, losers)

    def told(self, prompts: Sequence[str], texts: Sequence[str]) -> Draw:
        """These answers to these prompts, as if drawn."""
        contexts = [self.policy.context(prompt) for prompt in prompts]
        return Draw(prompts, contexts, [self.policy.completion(text) for text in texts], texts)

    def _drawn(self, mixture: Mixture, prompts: Sequence[str], contexts: Sequence[Ids]) -> Draw:
        ids = sample(mixture, contexts, self.max_new_tokens, self.generator)
        self.account.generated_tokens += sum(map(len, ids))
        return Draw(prompts, contexts, ids, [self.policy.text(row) for row in ids])

    def score(self, draw: Draw, by: Policy | None = None) -> Scored:
        """Log-probabilities under the policy (or ``by``), with gradient, and its reference."""
        own, _ = (by or self.policy).token_log_probs(draw.contexts, draw.completions)
        with torch.no_grad():
            reference, _ = self.reference.token_log_probs(draw.contexts, draw.completions)
        read = sum(map(len, draw.contexts)) + sum(map(len, draw.completions))
        self.account.forward_tokens += 2 * read
        self.account.backward_tokens += read
        return Scored(own, reference)

    def log_ratio(self, draw: Draw) -> Tensor:
        """Log pi(y) / ref(y), (rows,), with gradient."""
        return self.score(draw).log_ratio

    def own_log_prob(self, draw: Draw) -> Tensor:
        """Log pi(y), (rows,), with gradient."""
        read = sum(map(len, (*draw.contexts, *draw.completions)))
        self.account.forward_tokens += read
        self.account.backward_tokens += read
        return self.policy.log_probs(draw.contexts, draw.completions)

    @torch.no_grad()
    def log_prob(self, draw: Draw, by: Policy) -> Tensor:
        """Log-probability (rows,) under a frozen policy."""
        self.account.forward_tokens += sum(map(len, (*draw.contexts, *draw.completions)))
        return by.log_probs(draw.contexts, draw.completions)

    def prefer(self, a: Draw, b: Draw) -> Tensor:
        """P(a is preferred to b), (rows,); 1/2 where the judge abstains, which is counted."""
        return self._asked(self.judge.prefer(a.prompts, a.texts, b.texts), 0.5)

    def reward(self, draw: Draw) -> Tensor:
        """Scalar rewards (rows,); where the judge abstains, the least of the others, counted."""
        told = self.judge.score(draw.prompts, draw.texts)
        least = np.nanmin(told) if not np.isnan(told).all() else 0.0
        return self._asked(told, least)

    def _asked(self, told: Float, instead: float) -> Tensor:
        abstained = np.isnan(told)
        self.account.judge_calls += len(told)
        self.account.abstained += int(abstained.sum())
        values = torch.from_numpy(np.where(abstained, instead, told))
        return values.to(self.policy.device, torch.get_default_dtype())


class Learner:
    """A frozen dataclass whose fields are the hyper-parameters; subclasses override ``loss``.

    Attributes
    ----------
    concept : "rlhf", "nlhf", "slhf" or "other"
    solver : str
        Registry name of the tabular algorithm whose gradient this one's is, in expectation.
    paper : str
    needs : "judge", "rewards" or "dataset"
        What it learns from: a judge's preferences, a judge's scalar scores, or comparisons.
    looks_ahead : bool
        Whether each step is taken twice from the same place, the second time against the policy
        after the first (extragradient).
    refresh_every : int
        After how many steps ``play.previous`` becomes the policy; 0: it is not kept.
    """

    concept: ClassVar[Concept] = "other"
    solver: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    needs: ClassVar[Literal["judge", "rewards", "dataset"]] = "judge"
    looks_ahead: ClassVar[bool] = False

    if TYPE_CHECKING:  # subclasses are dataclasses: their fields are the keywords

        def __init__(self, *args: Any, **params: Any) -> None: ...

    @property
    def refresh_every(self) -> int:
        """See the class."""
        return 0

    @property
    def separate_follower(self) -> bool:
        """Whether the follower has parameters of its own, learning ``kappa`` times as fast."""
        return False

    def loss(self, play: Play) -> Tensor:
        """A loss a row, (rows,); its mean is descended."""
        raise NotImplementedError

    def tabular_gradient(self, game: PreferenceGame, theta: Any, other: Float) -> Gradient:
        """Gradient of the expected loss in the logits of the answers.

        Parameters
        ----------
        game : PreferenceGame
            With the model's own references.
        theta : float array (..., n), or that and one (..., n, n) for leader and follower
        other : float array (..., n)
            Logits of ``play.opponent`` or ``play.previous``, for learners that have one.
        """
        raise NotImplementedError

    def target(self, game: PreferenceGame, ends: Sequence[Ids]) -> Solution | None:
        """What it converges to on a game whose references are the model's own; None: nothing.

        ``ends`` are the tokens of the answers, for learners to which it matters how they branch.
        """
        raise NotImplementedError


def policy_gradient(scored: Scored, reward: Tensor) -> Tensor:
    """-reward log pi(y), (rows,): its gradient is minus that of the expected reward, y ~ pi."""
    return -reward.detach() * scored.policy.sum(-1)


def kl_penalty(scored: Scored, estimator: KlEstimator = "k1") -> Tensor:
    """(rows,); with y ~ pi, the gradient of its mean is that of KL(pi | ref) for "k1" alone.

    "k1": sum_t [sum_{s >= t} log pi_s / ref_s] log pi_t, the bracket held fixed: every token is
    charged for what follows from it. "k2" and "k3" weigh each token by its own u^2 / 2 and
    exp(-u) - 1 + u, u = log pi_t / ref_t, as published scripts do: as weights of a score function
    these give neither gradient of KL. For one token a text, k3's is that of KL(pi | ref) -
    KL(ref | pi), which cancels near the reference.

    Raises
    ------
    SolverError
        If the estimator is unknown.
    """
    ratio = (scored.policy - scored.reference).detach()
    if estimator == "k1":
        weight = ratio.flip(-1).cumsum(-1).flip(-1)
    elif estimator == "k2":
        weight = ratio**2 / 2
    elif estimator == "k3":
        weight = torch.expm1(-ratio.clamp(-40, 40)) + ratio
    else:
        raise SolverError(f"kl_estimator is {estimator!r}, expected k1, k2 or k3")
    return (weight * scored.policy).sum(-1)
