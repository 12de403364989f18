"""A learner's gradient without sampling: a policy that is a table, and all that it can draw.

The loss is then exact, so that its gradient can be compared with that on the table of answers.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from games import PreferenceGame
from games.game import Float
from llm.learners.learner import Learner
from llm.policy import Ids, Policy, PrefixState, padded
from llm.rollout import Completions, Rollout
from llm.sampling import Mixture, mix_logits
from llm.tasks import Task

_END = 0


class TablePolicy(Policy):
    """A policy with one parameter for every branch of the tree of answers, in every context.

    It only says answers of the task: a token has the probability of the answers that go on so.

    Parameters
    ----------
    task : Task
        A single game.
    logits : float arrays (n,) and (n, n)
        Logits of whole answers, for leader and follower.
    """

    def __init__(self, task: Task, logits: tuple[Float, Float]) -> None:
        words = dict.fromkeys(word for text in task.answers for word in text.split())
        self.words = {word: i + 1 for i, word in enumerate(words)}
        self.task, self.end = task, _END
        self.ends = [self.completion(text) for text in task.answers]
        rows = torch.as_tensor(logits[0])[None], torch.as_tensor(logits[1])
        self.table = torch.cat([row.log_softmax(-1) for row in rows])
        self.prefixes = list(dict.fromkeys(end[:k] for end in self.ends for k in range(len(end))))
        # (contexts, prefixes, tokens)
        masses = torch.stack([self._branches(prefix) for prefix in self.prefixes], 1)
        self.parameter = masses.requires_grad_(True)

    def _branches(self, prefix: Ids) -> Tensor:
        """Log-probability of every next token, up to the prefix's, (contexts, tokens)."""
        k, size = len(prefix), len(self.words) + 1
        masses = torch.full((len(self.table), size), -torch.inf, dtype=self.table.dtype)
        for token in range(size):
            inside = [i for i, end in enumerate(self.ends) if end[: k + 1] == (*prefix, token)]
            if inside:
                masses[:, token] = self.table[:, inside].logsumexp(-1)
        return masses

    @property
    def device(self) -> torch.device:
        """The table is kept on the processor."""
        return torch.device("cpu")

    def context(self, prompt: str, answer: str | None = None) -> Ids:
        """(0,) for the leader, (1 + i,) for the follower of answer i."""
        return (0 if answer is None else 1 + self.task.answers.index(answer),)

    def completion(self, answer: str) -> Ids:
        """The tokens of the answer's words, and the end."""
        return (*(self.words[word] for word in answer.split()), _END)

    def text(self, completion: Ids) -> str:
        """The words of the tokens, without the end."""
        words = list(self.words)
        return " ".join(words[i - 1] for i in completion if i != _END)

    def token_log_probs(
        self, contexts: Sequence[Ids], completions: Sequence[Ids]
    ) -> tuple[Tensor, Tensor]:
        """Log-probability of each token and the mask of padding, both (rows, tokens)."""
        tokens, mask = padded(completions, self.device)
        places = [
            [self.prefixes.index(end[: min(k, len(end) - 1)]) for k in range(tokens.shape[1])]
            for end in completions
        ]
        log_probs = self.parameter.log_softmax(-1)[
            torch.tensor([c for (c,) in contexts])[:, None], torch.tensor(places), tokens
        ]
        return torch.where(mask, log_probs, 0.0), mask

    def prefill(self, contexts: Sequence[Ids]) -> PrefixState:
        """Logits of the first token in each context."""
        return self._state([(c, ()) for (c,) in contexts])

    def extend(
        self, state: PrefixState, rows: Tensor, tokens: Tensor
    ) -> tuple[Tensor, PrefixState]:
        """Logits after one more token in each row."""
        before = [state.cache[i] for i in rows.tolist()]
        after = self._state(
            [(c, (*p, t)) for (c, p), t in zip(before, tokens[:, 0].tolist(), strict=True)]
        )
        return after.logits[:, None], after

    def _state(self, texts: list[tuple[int, Ids]]) -> PrefixState:
        index = torch.tensor([[c, self.prefixes.index(p)] for c, p in texts])
        return PrefixState(texts, torch.empty(0), self.parameter[index[:, 0], index[:, 1]])


@dataclass(frozen=True)
class EnumeratedRollout(Rollout):
    """A rollout in which row k makes the k-th of all possible sequences of draws.

    Attributes
    ----------
    digits : list of tuple of int
        The answers that each row draws, in order.
    shares : list of float
        Probability of every comparison in ``data``.
    weights : list of Tensor
        Probabilities (rows,) of each draw so far.
    """

    digits: Sequence[tuple[int, ...]] = ()
    shares: Sequence[float] = ()
    weights: list[Tensor] = field(default_factory=list)

    def _sample(
        self, mixture: Mixture, prompts: Sequence[str], contexts: Sequence[Ids]
    ) -> Completions:
        table = self.policy
        assert isinstance(table, TablePolicy)
        rows, drawn = len(self.prompts), []
        for begin in range(0, len(contexts), rows):  # copies of the batch
            turn = len(self.weights)
            picked = [digits[turn % len(digits)] for digits in self.digits]
            ends = [table.ends[i] for i in picked]
            self.weights.append(_probabilities(mixture, contexts[begin : begin + rows], ends))
            drawn += ends
        return Completions(prompts, contexts, drawn, [table.text(end) for end in drawn])

    def sample_pairs(self) -> tuple[Completions, Completions]:
        """Every comparison once, in place of a sample."""
        self.weights.append(torch.tensor(self.shares, dtype=torch.float64))
        prompts, winners, losers = map(list, zip(*self.data, strict=True))
        return self.encoded(prompts, winners), self.encoded(prompts, losers)


@torch.no_grad()
def _probabilities(mixture: Mixture, contexts: Sequence[Ids], ends: Sequence[Ids]) -> Tensor:
    """Probability (rows,) of each completion under a mixture made token by token."""
    tables = []
    for weight, policy in mixture:
        assert isinstance(policy, TablePolicy)
        tables.append((weight, policy.parameter))
    logits = mix_logits(
        [w for w, _ in tables], [torch.where(p.isinf(), -1e9, p) for _, p in tables]
    ).log_softmax(-1)
    first = mixture[0][1]
    assert isinstance(first, TablePolicy)
    total = [
        sum(float(logits[c, first.prefixes.index(end[:k]), token]) for k, token in enumerate(end))
        for (c,), end in zip(contexts, ends, strict=True)
    ]
    return torch.tensor(total, dtype=logits.dtype).exp()


def enumerated_loss(learner: Learner, rollout: Rollout, game: PreferenceGame) -> Tensor:
    """Expectation of the loss over all that ``rollout`` may draw, at fixed probabilities.

    Parameters
    ----------
    learner : Learner
    rollout : Rollout
        With one prompt, and policies that are tables.
    game : PreferenceGame
        A single game; a data set has its pairs in proportion to how often they occur.
    """
    parts = {name: getattr(rollout, name) for name in Rollout.__dataclass_fields__}
    table = rollout.policy
    assert isinstance(table, TablePolicy)
    pairs = list(itertools.permutations(range(game.n), 2))
    answers = table.task.answers
    parts["data"] = [(rollout.prompts[0], answers[i], answers[j]) for i, j in pairs]
    wins = game.pair_weights * game.P
    shares = [float(wins[i, j] / wins.sum()) for i, j in pairs]
    single = EnumeratedRollout(**parts, digits=[(0,)], shares=shares)
    learner.loss(single)
    draws = 0 if learner.needs == "dataset" else len(single.weights)
    every = list(itertools.product(range(game.n), repeat=draws))
    rows = [*rollout.prompts] * len(every)
    complete = EnumeratedRollout(**{**parts, "prompts": rows}, digits=every, shares=shares)
    losses = learner.loss(complete)
    return (torch.stack(complete.weights).prod(0) * losses).sum()
