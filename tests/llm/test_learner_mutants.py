"""Mistakes of published code, and planted ones: the law must notice every one of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from torch import Tensor

from benchmarks.conformance.learner import gradient
from benchmarks.conformance.outcome import Failed
from llm.learners import LEARNERS, Learner, kl_penalty, policy_gradient
from llm.learners import learner as base
from llm.learners.dpo import Dpo
from llm.learners.egpo import Egpo
from llm.learners.inpo import Inpo
from llm.learners.ipo import Ipo
from llm.learners.nash_md_pg import NashMdPg
from llm.learners.online_ipo import OnlineIpo
from llm.learners.reinforce_reward import ReinforceReward
from llm.learners.rloo import Rloo
from llm.learners.self_play_pg import SelfPlayPg
from llm.learners.sppo import Sppo
from llm.learners.stackelberg_gda import StackelbergGda
from llm.rollout import Rollout, Scored

MUTANTS: list[Learner] = []


def mutant(kind: type[Any]) -> type[Any]:
    """To be noticed by the law."""
    made = dataclass(frozen=True)(kind)
    MUTANTS.append(made())
    return made


def token_by_token(scored: Scored) -> Tensor:
    """Each token charged for itself alone."""
    return ((scored.policy - scored.reference).detach() * scored.policy).sum(-1)


def lengths(rollout: Rollout, draw: Any) -> Tensor:
    return torch.tensor([len(ids) for ids in draw.ids])


# --- of published code ---


@mutant
class TokenKlOfNashMd(NashMdPg):
    """TRL multiplies each token's log-ratio by that token's log-probability."""

    def loss(self, rollout: Rollout) -> Tensor:
        own, other = rollout.answers(), rollout.answers()
        scored = rollout.score(own)
        won = policy_gradient(scored, rollout.prefer(own, other) - 0.5)
        return won + self.tau * token_by_token(scored)


@mutant
class TokenKlOfStackelberg(StackelbergGda):
    """So does the official code of SLHF."""

    def loss(self, rollout: Rollout) -> Tensor:
        answers = rollout.answers()
        revisions = rollout.revisions(answers)
        lead, follow = rollout.score(answers), rollout.score(revisions)
        q = rollout.prefer(answers, revisions)
        paid = q - 0.5 + self.tau_follower * follow.log_ratio.detach()
        leader = policy_gradient(lead, paid) + self.tau_leader * token_by_token(lead)
        follower = policy_gradient(follow, 0.5 - q) + self.tau_follower * token_by_token(follow)
        return leader + self.kappa * follower


@mutant
class UnpaidLeader(StackelbergGda):
    """The official code does not pay the leader its follower's KL."""

    def loss(self, rollout: Rollout) -> Tensor:
        return StackelbergGda(as_published=True).loss(rollout)


@mutant
class MeanLogProbs(Ipo):
    """TRL divides log-probabilities by lengths."""

    def loss(self, rollout: Rollout) -> Tensor:
        winners, losers = rollout.sample_pairs()
        means = [rollout.log_ratio(draw) / lengths(rollout, draw) for draw in (winners, losers)]
        return (means[0] - means[1] - 1 / (2 * self.tau)) ** 2


@mutant
class MeanLogProbsOnline(OnlineIpo):
    """So does the script of EGPO."""

    def loss(self, rollout: Rollout) -> Tensor:
        first, second = rollout.answers(), rollout.answers()
        gap = rollout.log_ratio(first) / lengths(rollout, first)
        gap = gap - rollout.log_ratio(second) / lengths(rollout, second)
        return (gap - (rollout.prefer(first, second) - 0.5) / self.tau) ** 2


@mutant
class EndLeftOut(Dpo):
    """An answer's last token is not counted."""

    def loss(self, rollout: Rollout) -> Tensor:
        short = [
            replace(draw, ids=[ids[:-1] for ids in draw.ids]) for draw in rollout.sample_pairs()
        ]
        gap = rollout.log_ratio(short[0]) - rollout.log_ratio(short[1])
        return -torch.nn.functional.logsigmoid(self.tau * gap)


# --- planted ---


@mutant
class WrongMixture(NashMdPg):
    """Its opponent is the reference."""

    def loss(self, rollout: Rollout) -> Tensor:
        return NashMdPg(mixture=1.0).loss(rollout)


@mutant
class LostGame(SelfPlayPg):
    """The sign of what is won."""

    def loss(self, rollout: Rollout) -> Tensor:
        own, other = rollout.answers(), rollout.answers()
        scored = rollout.score(own)
        won = policy_gradient(scored, rollout.prefer(other, own) - 0.5)
        return won + self.tau * kl_penalty(scored)


@mutant
class NoReference(NashMdPg):
    """The reference is forgotten: an entropy penalty is left."""

    def loss(self, rollout: Rollout) -> Tensor:
        own, other = rollout.answers(), rollout.answers()
        scored = rollout.score(own)
        alone = Scored(scored.policy, torch.zeros_like(scored.reference))
        won = policy_gradient(scored, rollout.prefer(own, other) - 0.5)
        return won + self.tau * kl_penalty(alone)


@mutant
class NoPenalty(Rloo):
    """The KL is not charged."""

    def loss(self, rollout: Rollout) -> Tensor:
        answers = rollout.answers(copies=self.samples)
        gains = rollout.reward(answers).reshape(self.samples, -1)
        others = (gains.sum(0) - gains) / (self.samples - 1)
        losses = policy_gradient(rollout.score(answers), (gains - others).reshape(-1))
        return losses.reshape(self.samples, -1).mean(0)


@mutant
class OwnSampleInTheBaseline(Rloo):
    """The mean of all samples, without the factor that makes up for it."""

    def loss(self, rollout: Rollout) -> Tensor:
        answers = rollout.answers(copies=self.samples)
        scored = rollout.score(answers)
        gains = rollout.reward(answers) - self.tau * scored.log_ratio.detach()
        gains = gains.reshape(self.samples, -1)
        losses = policy_gradient(scored, (gains - gains.mean(0)).reshape(-1))
        return losses.reshape(self.samples, -1).mean(0)


@mutant
class BaselineOfItself(ReinforceReward):
    """A baseline that depends on the answer."""

    def loss(self, rollout: Rollout) -> Tensor:
        own = rollout.answers()
        scored = rollout.score(own)
        gain = policy_gradient(scored, rollout.reward(own) / 2)
        return gain + self.tau * kl_penalty(scored)


@mutant
class GradientThroughTheWeight(ReinforceReward):
    """The log-ratio is not held fixed."""

    def loss(self, rollout: Rollout) -> Tensor:
        own = rollout.answers()
        scored = rollout.score(own)
        return policy_gradient(scored, rollout.reward(own)) + self.tau * scored.log_ratio**2


@mutant
class TauUpsideDown(OnlineIpo):
    """Multiplied instead of divided."""

    def loss(self, rollout: Rollout) -> Tensor:
        first, second = rollout.answers(), rollout.answers()
        gap = rollout.log_ratio(first) - rollout.log_ratio(second)
        return (gap - (rollout.prefer(first, second) - 0.5) * self.tau) ** 2


@mutant
class OpponentForgotten(Egpo):
    """Played against itself: not the extragradient step."""

    def loss(self, rollout: Rollout) -> Tensor:
        return super().loss(replace(rollout, opponent=None))


@mutant
class FromThePolicy(Inpo):
    """The pairs of the policy, not of the last one."""

    def loss(self, rollout: Rollout) -> Tensor:
        first, second = rollout.answers(), rollout.answers()
        gap = self._moved(rollout, first) - self._moved(rollout, second)
        return (gap - self._tabular().step_size * (rollout.prefer(first, second) - 0.5)) ** 2


@mutant
class WholeStep(Inpo):
    """The step size left out of what is regressed on."""

    def loss(self, rollout: Rollout) -> Tensor:
        first, second = (rollout.answers([(1.0, rollout.last)]) for _ in range(2))
        gap = self._moved(rollout, first) - self._moved(rollout, second)
        return (gap - (rollout.prefer(first, second) - 0.5)) ** 2


@mutant
class ReferenceForLast(Sppo):
    """Regressed on the reference."""

    def _off(self, rollout: Rollout, draw: Any, won: Tensor) -> Tensor:
        return (rollout.log_ratio(draw) - self.eta * won) ** 2


@mutant
class SwappedPair(Dpo):
    """The loser's margin."""

    def loss(self, rollout: Rollout) -> Tensor:
        winners, losers = rollout.sample_pairs()
        gap = rollout.log_ratio(losers) - rollout.log_ratio(winners)
        return -torch.nn.functional.logsigmoid(self.tau * gap)


@mutant
class KindFollower(StackelbergGda):
    """A follower that wants the leader to win."""

    def loss(self, rollout: Rollout) -> Tensor:
        answers = rollout.answers()
        revisions = rollout.revisions(answers)
        lead, follow = rollout.score(answers), rollout.score(revisions)
        q = rollout.prefer(answers, revisions)
        paid = q - 0.5 + self.tau_follower * follow.log_ratio.detach()
        leader = policy_gradient(lead, paid) + self.tau_leader * kl_penalty(lead)
        follower = policy_gradient(follow, q - 0.5) + self.tau_follower * kl_penalty(follow)
        return leader + self.kappa * follower


@mutant
class KappaForgotten(StackelbergGda):
    """Both players alike."""

    def loss(self, rollout: Rollout) -> Tensor:
        return StackelbergGda(kappa=1.0).loss(rollout)


@mutant
class OneTauForBoth(StackelbergGda):
    """The leader's penalty has the follower's weight."""

    tau_leader: float = 0.3

    def loss(self, rollout: Rollout) -> Tensor:
        return StackelbergGda(tau_leader=0.1).loss(rollout)


@pytest.mark.parametrize("wrong", MUTANTS, ids=lambda wrong: type(wrong).__name__)
def test_the_law_notices(wrong: Learner) -> None:
    with pytest.raises(Failed, match="differs by"):
        gradient(wrong)


def future_forgotten(scored: Scored, estimator: str = "k1") -> Tensor:
    return token_by_token(scored)


def turned_around(scored: Scored, estimator: str = "k1") -> Tensor:
    return kl_penalty(Scored(scored.policy, 2 * scored.policy.detach() - scored.reference))


def past_charged(scored: Scored, estimator: str = "k1") -> Tensor:
    """What came before a token, instead of what follows from it."""
    ratio = (scored.policy - scored.reference).detach()
    return (ratio.cumsum(-1) * scored.policy).sum(-1)


@pytest.mark.parametrize("wrong", [future_forgotten, turned_around, past_charged])
@pytest.mark.parametrize(
    "name", ["nash_md_pg", "self_play_pg", "reinforce_reward", "stackelberg_gda"]
)
def test_the_law_notices_a_wrong_penalty(
    name: str, wrong: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = LEARNERS[name]
    gradient(kind())
    for module in {parent.__module__ for parent in kind.__mro__} - {base.__name__, "builtins"}:
        monkeypatch.setattr(f"{module}.kl_penalty", wrong)
    with pytest.raises(Failed, match="differs by"):
        gradient(kind())
