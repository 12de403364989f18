"""What would be chosen: the three concepts at several strengths, and how sure each answer is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from games import PreferenceGame
from games.game import Float
from solvers import Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from tabular.audit.pair_tests import PairTests
from tabular.audit.votes import Votes, game_of
from tabular.matching import MatchedKl

CONCEPTS: dict[str, type[Solver]] = {"RLHF": RlhfExact, "NLHF": NlhfExact, "SLHF": SlhfExact}
LEVEL = 0.95

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Answer:
    """What a concept chooses at one strength.

    Attributes
    ----------
    concept : "RLHF", "NLHF" or "SLHF"
    strength : str
        E.g. "tau = 0" or "KL = 0.1".
    policy : float array (n,), or NaN where it does not exist
    low, high : float arrays (n,)
        Percentile intervals of bootstrap samples, where the policy moves smoothly with the data
        (tau > 0); else NaN.
    answers : bool array (n,)
        At tau = 0 the answers that are not excluded: a confidence set of at least 95 %. Else all.
    defined : float in [0, 1]
        Share of the samples in which the answer exists.
    message : str
        Why the answer does not exist; "" if it does.
    """

    concept: str
    strength: str
    policy: Float
    low: Float
    high: Float
    answers: Mask
    defined: float
    message: str = ""


def solvers(tau: float, kl: float) -> Iterator[tuple[str, str, Solver]]:
    """(concept, strength, solver): without a penalty, at one temperature, at equal KL."""
    for concept, kind in CONCEPTS.items():
        weights = ("tau_leader", "tau_follower") if kind is SlhfExact else ("tau",)
        for value in (0.0, tau):
            yield concept, f"tau = {value:g}", kind(**dict.fromkeys(weights, value))
        yield concept, f"KL = {kl:g}", MatchedKl(kind, kl)


def answers(
    votes: Votes,
    tests: PairTests,
    tau: float,
    kl: float,
    draws: int,
    rng: np.random.Generator,
    by: str | None = None,
) -> list[Answer]:
    """Solve the observed game, and every bootstrap sample of the votes where that is smooth.

    Percentile intervals do not cover an argmax: of two nearly equal answers each is the likeliest
    in about half of the samples. At tau = 0 bands around all pairs at once (``bands``), and for
    RLHF around all rewards, say which answers are not excluded.
    """
    game = votes.comparisons().game()
    points = votes.resampled(draws, rng, by)
    samples = game_of(points)
    sets = tau_zero_sets(tests, game, samples)
    out = []
    for concept, strength, solver in solvers(tau, kl):
        found = solver.solve(game)
        nothing, every = np.full(game.n, np.nan), np.ones(game.n, dtype=bool)
        policy = nothing if str(found.message) else found.policy
        if strength == "tau = 0":
            inside = sets[concept]
            out.append(
                Answer(concept, strength, policy, nothing, nothing, inside, 1.0, str(found.message))
            )
            continue
        low, high, share = percentiles(solver, samples)
        out.append(Answer(concept, strength, policy, low, high, every, share, str(found.message)))
    return out


def percentiles(solver: Solver, samples: PreferenceGame) -> tuple[Float, Float, float]:
    """Lower and upper ends (n,) of a policy over samples, and the share in which it exists."""
    drawn = solver.solve(samples)
    exists = np.asarray(drawn.message == "") & np.isfinite(drawn.policy).all(-1)
    ends = np.full((2, samples.n), np.nan)
    if exists.sum() > 1:
        tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        ends = np.asarray(np.quantile(drawn.policy[exists], tails, axis=0))
    return ends[0], ends[1], float(exists.mean())


def bands(tests: PairTests) -> tuple[Float, Float]:
    """Lower and upper ends (n, n) for all P_ij at once, with at least 95 % coverage.

    Bonferroni's correction of Clopper-Pearson intervals, of which ties only reduce the variance,
    or of Student's t intervals over clusters.
    """
    from scipy import stats

    n = len(tests.share)
    level = (1 - LEVEL) / max(1, n * (n - 1))
    units = tests.units
    if tests.clustered:
        wide = stats.t.isf(level, np.maximum(units - 1, 1)) * tests.error
        low, high = tests.share - wide, tests.share + wide
    else:
        won, lost = units * tests.share, units * (1 - tests.share)
        low = np.where(won > 0, np.asarray(stats.beta.ppf(level, won, lost + 1)), 0.0)
        high = np.where(lost > 0, np.asarray(stats.beta.isf(level, won + 1, lost)), 1.0)
    known = units > 0
    low = np.where(known, np.nan_to_num(low, nan=0.0), 0.0).clip(0, 1)
    high = np.where(known, np.nan_to_num(high, nan=1.0), 1.0).clip(0, 1)
    low[np.diag_indices(n)] = high[np.diag_indices(n)] = 0.5
    return low, high


def tau_zero_sets(
    tests: PairTests, game: PreferenceGame, samples: PreferenceGame
) -> dict[str, Mask]:
    """The answers that each concept may give at tau = 0, whatever P inside the bands is true.

    NLHF: those that may be in the Smith set, which holds every maximal lottery: they reach every
    other answer by steps i -> j with P_ij >= 1/2 possible. SLHF: those whose best value, the
    smallest upper end of their row, is no less than the best of the smallest lower ends. RLHF:
    those whose reward is not below the highest by more than both of their simultaneous margins.
    """
    rewards, drawn = (RlhfExact(0.0).rewards(g) for g in (game, samples))
    drawn = drawn[np.isfinite(drawn).all(-1)]
    n = len(tests.share)
    low, high = bands(tests)
    reach = high >= 0.5
    for k in range(n):
        reach |= reach[:, k, None] & reach[None, k]
    worst_high, worst_low = high.min(-1), low.min(-1)
    best = np.ones(n, dtype=bool)
    if np.isfinite(rewards).all() and len(drawn) > 1:
        error = np.maximum(drawn.std(0, ddof=1), 1e-12)
        margin = np.quantile((abs(drawn - rewards) / error).max(-1), LEVEL) * error
        top = int(rewards.argmax())
        best = rewards + margin >= rewards[top] - margin[top]
    return {"RLHF": best, "NLHF": reach.all(-1), "SLHF": worst_high >= worst_low.max()}
