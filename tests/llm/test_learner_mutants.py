"""Mistakes of published code, and planted ones: the gradient check must notice all of them."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from torch import Tensor
from torch.nn.functional import logsigmoid

from benchmarks.conformance.learner import gradient
from benchmarks.conformance.outcome import Failed
from llm.learners import LEARNERS, Learner
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
from llm.rollout import Completions, Rollout
from tests.mutants import Mutant, assert_noticed, mutants

KL = "kl_penalty({0}, self.kl_estimator)"
TOKEN_KL = "(({0}.policy - {0}.reference).detach() * {0}.policy).sum(-1)"
"""Each token charged for itself alone: its log-ratio times its log-probability."""

TEXT_MUTANTS = mutants(
    {
        NashMdPg: [
            # TRL
            (KL.format("scored"), TOKEN_KL.format("scored")),
            # the opponent is the reference
            (
                "rollout.policy), (self.mixture, rollout.reference)",
                "rollout.reference), (self.mixture, rollout.policy)",
            ),
            # without the reference, an entropy penalty is left
            ("kl_penalty(scored,", "kl_penalty(type(scored)(scored.policy, 0 * scored.reference),"),
        ],
        SelfPlayPg: [
            ("rollout.prefer(first, second) - 0.5", "0.5 - rollout.prefer(first, second)")
        ],
        StackelbergGda: [
            # the official code of SLHF, for both players
            (KL.format("lead"), TOKEN_KL.format("lead")),
            (KL.format("follow"), TOKEN_KL.format("follow")),
            # the official code leaves the follower's KL out of the leader's reward
            ("if not self.as_published:\n            reward", "if False:\n            reward"),
            # a follower that wants the leader to win
            ("policy_gradient(follow, 0.5 - q)", "policy_gradient(follow, q - 0.5)"),
            ("(1.0 if self.separate else self.kappa) * follower", "follower"),
            ("self.tau_leader * kl_penalty", "self.tau_follower * kl_penalty"),
        ],
        Rloo: [
            (" - self.tau * scored.log_ratio.detach()", ""),
            # a sample in its own baseline, without the factor that makes up for it
            ("(rewards.sum(0) - rewards) / (self.samples - 1)", "rewards.mean(0)"),
        ],
        ReinforceReward: [
            # a baseline that depends on the answer
            ("- rollout.reward(baseline)", "/ 2"),
            # a gradient through the weight
            (KL.format("scored"), "scored.log_ratio**2"),
        ],
        OnlineIpo: [("- 0.5) / self.tau", "- 0.5) * self.tau")],
        Egpo: [("rollout.opponent or rollout.policy", "rollout.policy")],
        Inpo: [
            # the pairs of the policy instead of the last one
            ("rollout.answers([(1.0, rollout.last)])", "rollout.answers()"),
            ("self._tabular().step_size * (rollout", "(rollout"),
        ],
        Sppo: [
            # regressed on the reference
            (
                "log_prob(completions) - rollout.frozen_log_prob(completions, rollout.last)",
                "log_ratio(completions)",
            ),
        ],
        Dpo: [
            (
                "rollout.log_ratio(winners) - rollout.log_ratio(losers)",
                "rollout.log_ratio(losers) - rollout.log_ratio(winners)",
            ),
        ],
    }
)


def keeps_the_law(kind: type[Learner]) -> None:
    """With unequal weights for the two players, which could be mistaken for each other."""
    gradient(kind(tau_leader=0.3) if kind.__name__ == "StackelbergGda" else kind())


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_without_a_mistake_the_law_is_kept(name: str) -> None:
    keeps_the_law(LEARNERS[name])


@pytest.mark.parametrize("mutant", TEXT_MUTANTS, ids=str)
def test_the_law_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, keeps_the_law, Failed)


WEIGHT = "weight = ratio.flip(-1).cumsum(-1).flip(-1)"
RATIO = "ratio = (scored.policy - scored.reference)"
PENALTY_MUTANTS = [
    Mutant(LEARNERS[name], old, new, "llm.learners.learner")
    for name in ("nash_md_pg", "self_play_pg", "reinforce_reward", "stackelberg_gda")
    for old, new in (
        (WEIGHT, "weight = ratio"),  # not charged for what follows
        (WEIGHT, "weight = ratio.cumsum(-1)"),  # charged for what came before
        (RATIO, "ratio = (scored.reference - scored.policy)"),
    )
]


@pytest.mark.parametrize("mutant", PENALTY_MUTANTS, ids=str)
def test_the_law_notices_a_wrong_penalty(mutant: Mutant) -> None:
    assert_noticed(mutant, keeps_the_law, Failed)


# --- mistakes that are not one replacement ---


def mean_log_ratio(rollout: Rollout, completions: Completions) -> Tensor:
    lengths = torch.tensor([len(ids) for ids in completions.ids])
    return rollout.log_ratio(completions) / lengths


class MeanLogProbs(Ipo):
    """TRL divides log-probabilities by lengths."""

    def loss(self, rollout: Rollout) -> Tensor:
        winners, losers = (mean_log_ratio(rollout, pair) for pair in rollout.sample_pairs())
        return (winners - losers - 1 / (2 * self.tau)) ** 2


class MeanLogProbsOnline(OnlineIpo):
    """So does the script of EGPO."""

    def loss(self, rollout: Rollout) -> Tensor:
        first, second = rollout.answers(), rollout.answers()
        margin = mean_log_ratio(rollout, first) - mean_log_ratio(rollout, second)
        return (margin - (rollout.prefer(first, second) - 0.5) / self.tau) ** 2


class EndLeftOut(Dpo):
    """An answer's last token is not counted."""

    def loss(self, rollout: Rollout) -> Tensor:
        winners, losers = (
            rollout.log_ratio(replace(pair, ids=[ids[:-1] for ids in pair.ids]))
            for pair in rollout.sample_pairs()
        )
        return -logsigmoid(self.tau * (winners - losers))


CLASS_MUTANTS: list[type[Learner]] = [MeanLogProbs, MeanLogProbsOnline, EndLeftOut]


@pytest.mark.parametrize("wrong", CLASS_MUTANTS)
def test_the_law_notices_a_wrong_loss(wrong: type[Learner]) -> None:
    with pytest.raises(Failed, match="differs by"):
        keeps_the_law(wrong)
