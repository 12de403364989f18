"""The audit of a data set, part by part."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from games import Comparisons, GameError, SpecError
from games.io.records import Records
from solvers import Solver
from tabular.audit.answers import Answer, answers, solvers
from tabular.audit.cluster_test import ClusterTest, cluster_test
from tabular.audit.cost import Cost, costs
from tabular.audit.cycles import Cycles, cycles
from tabular.audit.held_out import HeldOut, held_out
from tabular.audit.next_pairs import NextPairs, next_pairs
from tabular.audit.pair_tests import PairTests, pair_tests
from tabular.audit.rests_on import RestsOn, rests_on
from tabular.audit.reward_test import RewardTest, likelihood_ratio_test
from tabular.audit.verdict import Verdict, verdict
from tabular.audit.votes import Votes


@dataclass(frozen=True)
class Settings:
    """How an audit is made.

    Attributes
    ----------
    tau : float > 0
        Temperature at which the concepts answer, besides tau = 0.
    kl : float > 0
        KL to the uniform reference at which they are compared, in nats.
    tests : int >= 1
        Samples for p-values.
    bootstrap : int >= 2
        Samples for intervals.
    seed : int >= 0
    repeats : bool
        Whether a vote that its rater repeats on the same prompt counts again in the test of the
        rewards as if all comparisons were independent.

    Raises
    ------
    SpecError
        If a number is out of range.
    """

    tau: float = 0.1
    kl: float = 0.1
    tests: int = 999
    bootstrap: int = 200
    seed: int = 0
    repeats: bool = False

    def __post_init__(self) -> None:
        if not (self.tau > 0 and self.kl > 0):
            raise SpecError(f"audit: tau {self.tau:g} and kl {self.kl:g} must be greater than 0")
        if self.tests < 1 or self.bootstrap < 2 or self.seed < 0:
            raise SpecError(
                f"audit: {self.tests} tests, {self.bootstrap} bootstrap samples, seed {self.seed}; "
                "expected at least 1, 2 and 0"
            )


@dataclass
class Audit:
    """What was found; parts that were not reached are None or empty.

    Attributes
    ----------
    votes : Votes
    settings : Settings
    by : str or None
        The clusters that were resampled.
    pairs : PairTests
    reward : RewardTest
        As if all comparisons were independent.
    clustered : mapping of str to ClusterTest
        For each kind of cluster.
    held_out : list of HeldOut
    cycles : Cycles
    answers : list of Answer
    costs : list of Cost
    rests_on : list of RestsOn
    next_pairs : NextPairs
    verdict : Verdict
    """

    votes: Votes
    settings: Settings
    by: str | None = None
    pairs: PairTests | None = None
    reward: RewardTest | None = None
    clustered: dict[str, ClusterTest] = field(default_factory=dict)
    held_out: list[HeldOut] = field(default_factory=list)
    cycles: Cycles | None = None
    answers: list[Answer] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    rests_on: list[RestsOn] = field(default_factory=list)
    next_pairs: NextPairs | None = None
    verdict: Verdict | None = None

    @property
    def smooth(self) -> str:
        """The strength at which influence is measured: equal KL where all concepts reach it."""
        kl, tau = f"KL = {self.settings.kl:g}", f"tau = {self.settings.tau:g}"
        reached = all(not a.message for a in self.answers if a.strength == kl)
        return kl if reached else tau


PARTS = ("reward", "cycles", "answers", "cost", "influence", "next_pairs")


def audit(
    data: Votes | Comparisons | Records,
    settings: Settings | None = None,
    progress: Callable[[str], None] = lambda part: None,
) -> Audit:
    """Audit a data set of one context.

    The comparisons of different raters, or else of different prompts, are taken as independent,
    where the votes say who made them; with both, both are tested and the raters are resampled.

    Parameters
    ----------
    data : Votes, Comparisons or games.io.Records
    settings : Settings, optional
    progress : callable
        Called with the name of each part of ``PARTS`` before it begins. A KeyboardInterrupt ends
        the audit with what is done.

    Raises
    ------
    GameError
        If nothing is compared.
    """
    votes = data if isinstance(data, Votes) else Votes.of(data)
    settings = settings or Settings()
    if not votes.weight.any():
        raise GameError("audit: nothing is compared; expected at least one comparison")
    by = next(iter(votes.clusters), None)
    found = Audit(votes, settings, by)
    steps = dict(zip(PARTS, (_reward, _cycles, _answers, _cost, _influence, _next), strict=True))
    try:
        for k, (name, step) in enumerate(steps.items()):
            progress(name)
            step(found, np.random.default_rng([settings.seed, k]))
    except KeyboardInterrupt:
        pass
    return found


def _reward(found: Audit, rng: np.random.Generator) -> None:
    votes, draws = found.votes, found.settings.tests
    found.pairs = pair_tests(votes, found.by)
    alone = votes if found.settings.repeats else votes.distinct()
    found.reward = likelihood_ratio_test(alone.comparisons(), draws, rng)
    found.clustered = {
        kind: cluster_test(
            votes.first, votes.second, votes.share, votes.weight, key, votes.n, draws, rng
        )
        for kind, key in votes.clusters.items()
    }
    found.held_out = held_out(votes, rng, found.by)


def _cycles(found: Audit, rng: np.random.Generator) -> None:
    assert found.pairs is not None
    found.cycles = cycles(found.votes, found.pairs, found.settings.tests, rng, found.by)


def _answers(found: Audit, rng: np.random.Generator) -> None:
    assert found.pairs is not None
    assert found.reward is not None
    assert found.cycles is not None
    s = found.settings
    found.answers = answers(found.votes, found.pairs, s.tau, s.kl, s.bootstrap, rng, found.by)
    p_values = [test.p_value for test in found.clustered.values()] or [found.reward.p_value]
    found.verdict = verdict(p_values, found.cycles, found.answers)


def _cost(found: Audit, rng: np.random.Generator) -> None:
    s = found.settings
    found.costs = costs(found.votes, s.tau, s.kl, s.bootstrap, rng, found.by)


def _influence(found: Audit, rng: np.random.Generator) -> None:
    del rng
    by_strength = _solvers(found)
    smooth, sharp = by_strength[found.smooth], by_strength["tau = 0"]
    found.rests_on = [
        rests_on(concept, smooth[concept], sharp[concept], found.votes) for concept in smooth
    ]


def _next(found: Audit, rng: np.random.Generator) -> None:
    del rng
    assert found.pairs is not None
    more = max(1.0, float(found.votes.weight.sum()) / 10)
    solver = _solvers(found)[found.smooth]["NLHF"]
    found.next_pairs = next_pairs(found.votes, found.pairs, solver, more)


def _solvers(found: Audit) -> dict[str, dict[str, Solver]]:
    """Strength -> concept -> solver."""
    out: dict[str, dict[str, Solver]] = {}
    for concept, strength, solver in solvers(found.settings.tau, found.settings.kl):
        out.setdefault(strength, {})[concept] = solver
    return out
