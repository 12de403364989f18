"""N different answers: drawn one by one without replacement, or the best set of N."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from games import Population
from games.game import TIE_TOL, Float
from games.measures import Mask
from tabular.answering import Indices, draw, repeat


@dataclass(frozen=True)
class Sets:
    """A whole set of answers, drawn from several.

    Attributes
    ----------
    members : bool array (S, n)
    chance : float array (..., S)
        Probability of each set.
    """

    members: Mask
    chance: Float

    def stays(self, inside: Mask) -> Float:
        """Probability that the set lies ``inside``, a mask (..., k, n); shape (..., k)."""
        within = (~inside).astype(np.float64) @ self.members.T == 0
        return np.asarray((within * self.chance[..., None, :]).sum(-1))

    def draws(self, rng: np.random.Generator, n_users: int) -> Indices:
        """The answers in each user's set, shape (..., n_users, size); sets are of one size."""
        answers = np.nonzero(self.members)[1].reshape(len(self.members), -1)
        return np.asarray(answers[draw(repeat(self.chance, n_users), rng)])


@dataclass(frozen=True)
class WithoutReplacement:
    """Draws from a policy, renormalised over the answers that were not given yet.

    An answer of probability 0 is never given: once all others were, no new one comes. The chance
    of each set of answers is found in the order of their size, 2^n sets in all.

    Attributes
    ----------
    log_policy : float array (..., n), n <= 12
    most : int >= 1
        Largest N.
    """

    log_policy: Float
    most: int

    @cached_property
    def sets(self) -> list[Sets]:
        """The sets that 1, 2, ..., ``most`` answers make."""
        policy, n = np.exp(self.log_policy), self.log_policy.shape[-1]
        members = np.asarray(np.arange(1 << n)[:, None] >> np.arange(n) & 1, dtype=bool)
        left = policy @ ~members.T  # what the answers outside each set have together
        chance = np.zeros((*policy.shape[:-1], 1 << n))
        chance[..., 0] = 1
        out = []
        for _ in range(self.most):
            share = chance / np.where(left > 0, left, np.inf)
            chance = np.where(left > 0, 0.0, chance)
            for i in range(n):
                without = np.flatnonzero(~members[:, i])
                chance[..., without | 1 << i] += share[..., without] * policy[..., i, None]
            reached = np.flatnonzero((chance > 0).reshape(-1, 1 << n).any(0))
            out.append(Sets(members[reached], chance[..., reached]))
        return out

    def stays(self, inside: Mask, N: int) -> Float:
        """Probability that the first N answers all lie ``inside``; shape (..., k)."""
        return self.sets[N - 1].stays(inside)

    def draws(self, rng: np.random.Generator, n_users: int, N: int) -> list[Indices]:
        """The first 1, 2, ..., N answers of each user: the largest of log-policy + Gumbel."""
        log_policy = repeat(self.log_policy, n_users)
        keys = log_policy + rng.gumbel(size=log_policy.shape)
        order = np.argsort(-keys, axis=-1)
        given = np.take_along_axis(keys, order, axis=-1) > -np.inf
        order = np.where(given, order, order[..., :1])  # no new one: the first again
        return [order[..., :k] for k in range(1, N + 1)]


@dataclass(frozen=True)
class BestSets:
    """The sets of N answers that hold a favourite of the largest share of users, equally likely.

    No way to give N answers without knowing the user's type does better, because it gives at most
    N different answers. All sets are compared.

    Attributes
    ----------
    people : Population
    most : int >= 1
        Largest N.
    """

    people: Population
    most: int

    @cached_property
    def sets(self) -> list[Sets]:
        """The sets of 1, 2, ..., ``most`` answers; of all n where N > n."""
        return [self._best(N) for N in range(1, self.most + 1)]

    def stays(self, inside: Mask, N: int) -> Float:
        """Probability that a best set lies ``inside``, a mask (..., k, n); shape (..., k)."""
        return self.sets[N - 1].stays(inside)

    def draws(self, rng: np.random.Generator, n_users: int, N: int) -> list[Indices]:
        """Best sets of 1, 2, ..., N answers for each user."""
        return [self.sets[k].draws(rng, n_users) for k in range(N)]

    def _best(self, N: int) -> Sets:
        n = self.people.utilities.shape[-1]
        chosen = itertools.combinations(range(n), min(N, n))
        members = np.array([np.isin(np.arange(n), answers) for answers in chosen])
        holds = self.people.favourites.astype(np.float64) @ members.T > 0
        share = (self.people.shares[..., None] * holds).sum(-2)
        best = (share >= share.max(-1, keepdims=True) - TIE_TOL).astype(np.float64)
        return Sets(members, best / best.sum(-1, keepdims=True))
