"""Token-by-token mixtures, against a product of conditionals written out for every answer."""

from collections import Counter

import numpy as np
import pytest
from scipy import special

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from benchmarks.conformance.enumeration import TablePolicy
from benchmarks.conformance.learner import situation
from games import PreferenceGame, numerics
from games.game import Float
from llm.learners import LEARNERS
from llm.policy import Ids
from llm.sampling import sample
from llm.token_mixture import token_mixture, token_mixture_target
from solvers import SOLVERS
from solvers.nlhf_exact import NlhfExact

TREE: list[Ids] = [(1, 0), (2, 3, 0), (2, 4, 1, 0), (2, 4, 5, 0), (4, 0)]
FLAT: list[Ids] = [(1, 0), (2, 0), (3, 0), (4, 1, 0), (5, 0)]


def policies(seed: int, *shape: int) -> tuple[Float, Float]:
    logits = 2 * np.random.default_rng(seed).normal(size=(2, *shape, 5))
    log_p, log_q = special.log_softmax(logits, -1)
    return log_p, log_q


def walked(p: Float, q: Float, weight: float, ends: list[Ids]) -> Float:
    """Probability of every answer (n,), as a product of mixed conditionals."""
    mixture = []
    for end in ends:
        total = 1.0
        for k in range(len(end)):
            leaves = [i for i, other in enumerate(ends) if other[:k] == end[:k]]
            steps = {}
            for token in {ends[i][k] for i in leaves}:
                inside = [i for i in leaves if ends[i][k] == token]
                of_p, of_q = (x[inside].sum() / x[leaves].sum() for x in (p, q))
                steps[token] = of_p ** (1 - weight) * of_q**weight
            total *= steps[end[k]] / sum(steps.values())
        mixture.append(total)
    return np.array(mixture)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_answers_of_several_tokens_by_hand(weight: float) -> None:
    log_p, log_q = policies(6)
    mixture = np.exp(token_mixture(log_p, log_q, weight, TREE))
    expected = walked(np.exp(log_p), np.exp(log_q), weight, TREE)
    np.testing.assert_allclose(mixture, expected, rtol=0, atol=1e-13)
    assert mixture.sum() == pytest.approx(1, abs=1e-13)
    whole = special.softmax((1 - weight) * log_p + weight * log_q)
    distance = abs(mixture - whole).sum() / 2
    assert distance > 0.05 if 0 < weight < 1 else distance < 1e-13


def test_answers_that_part_at_the_first_token_are_mixed_whole() -> None:
    log_p, log_q = policies(1)
    mixture = token_mixture(log_p, log_q, 0.3, FLAT)
    expected = special.log_softmax(0.7 * log_p + 0.3 * log_q)
    np.testing.assert_allclose(mixture, expected, rtol=0, atol=1e-13)


def test_contexts_together_are_contexts_alone() -> None:
    log_p, log_q = policies(2, 4, 2)
    together = token_mixture(log_p, log_q[0, 0], 0.4, TREE)
    for at in np.ndindex(4, 2):
        alone = token_mixture(log_p[at], log_q[0, 0], 0.4, TREE)
        np.testing.assert_allclose(together[at], alone, rtol=0, atol=1e-13)


def test_the_sampler_draws_from_it() -> None:
    game, task = situation(3, texts=("a", "b c", "b d a", "b d e", "d"))
    log_rows = game.log_ref_follower(slice(None))
    rng = np.random.default_rng(0)
    log_p, log_q = special.log_softmax(2 * rng.normal(size=(2, 5)), -1)
    tables = [TablePolicy(task, (x, log_rows)) for x in (log_p, log_q)]
    mixture = [(0.6, tables[0]), (0.4, tables[1])]
    ends = tables[0].ends
    drawn = Counter(sample(mixture, [(0,)] * 40_000, 16, torch.Generator().manual_seed(0)))
    expected = 40_000 * np.exp(token_mixture(log_p, log_q, 0.4, ends))
    off = np.array([drawn[end] for end in ends]) - expected
    assert drawn.total() == sum(drawn[end] for end in ends)
    assert (off**2 / expected).sum() < 18.5  # 4 degrees of freedom: 1 in 1000
    whole = 40_000 * special.softmax(0.6 * log_p + 0.4 * log_q)
    assert ((off + expected - whole) ** 2 / whole).sum() > 100


@pytest.mark.parametrize("weight", [0.25, 0.5])
def test_the_target_is_the_best_response_to_its_mixture(weight: float) -> None:
    tau = 0.1
    game, task = situation(5, texts=("a", "b c", "b d a", "b d e", "d"))
    ends = TablePolicy(task, (game.log_ref, game.log_ref_follower(slice(None)))).ends
    target = token_mixture_target(game, tau, weight, ends)
    assert target.certificate.holds.all()
    pi = target.policy
    mixture = walked(pi, game.ref, weight, ends)
    reply = game.ref * np.exp(game.P @ mixture / tau)
    np.testing.assert_allclose(pi, reply / reply.sum(), rtol=0, atol=1e-9)
    nash = NlhfExact(tau).solve(game).policy
    assert numerics.total_variation(pi, nash) > 0.02
    whole = SOLVERS["nash_md_pg"](tau, weight).target(game)
    assert whole is not None
    assert numerics.total_variation(pi, whole.policy) > 1e-3


def test_the_target_of_single_tokens_is_the_tabular_one() -> None:
    game, task = situation(4, texts=("a", "b", "c"))
    ends = TablePolicy(task, (game.log_ref, game.log_ref_follower(slice(None)))).ends
    for weight in (0.125, 0.5, 0.9):
        policy = token_mixture_target(game, 0.1, weight, ends).policy
        tabular = SOLVERS["nash_md_pg"](0.1, weight).target(game)
        assert tabular is not None
        np.testing.assert_allclose(policy, tabular.policy, rtol=0, atol=1e-8)


def test_targets_in_several_contexts() -> None:
    games = [situation(seed, texts=("a", "b c", "b d"))[0] for seed in range(3)]
    _, task = situation(0, texts=("a", "b c", "b d"))
    ends = TablePolicy(task, (games[0].log_ref, games[0].log_ref_follower(slice(None)))).ends
    P, ref = (np.stack([getattr(game, name) for game in games]) for name in ("P", "ref"))
    batch = PreferenceGame(P, ref)
    learner = LEARNERS["nash_md_pg"](mixture=0.5)
    together = learner.target(batch, ends)
    assert together is not None
    for k, game in enumerate(games):
        alone = learner.target(game, ends)
        assert alone is not None
        np.testing.assert_allclose(together.policy[k], alone.policy, rtol=0, atol=1e-9)
