"""Samples against exact probabilities, of one policy and of a token-by-token mixture."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from games import SolverError
from llm.policy import Ids, Policy
from llm.sampling import Mixture, sample
from llm.sft import SftConfig, fine_tune
from tests.small_models import cycle_task, mixture_log_probs, precise, untrained

DRAWS = 20_000


@pytest.fixture(scope="module")
def other() -> Policy:
    """A model with very different probabilities of the same answers."""
    policy, task = untrained(seed=1), cycle_task()
    peaked = replace(task, game=replace(task.game, ref=np.array([0.1, 0.85, 0.05])))
    fine_tune(policy, peaked, SftConfig(steps=60))
    return policy


def draws(mixture: Mixture, context: Ids, length: int, **settings: float) -> "Counter[Ids]":
    generator = torch.Generator().manual_seed(7)
    return Counter(sample(mixture, [context] * DRAWS, length, generator, **settings))


def misfit(counts: "Counter[Ids]", expected: dict[Ids, float]) -> float:
    """P-value of the chi-square test; answers rarer than 5 draws are counted together."""
    common = [ids for ids, p in expected.items() if p * DRAWS >= 5]
    observed = [counts[ids] for ids in common]
    chances = [expected[ids] for ids in common]
    rest = 1 - sum(chances)
    if rest * DRAWS >= 5:
        observed, chances = [*observed, DRAWS - sum(observed)], [*chances, rest]
    scaled = np.array(chances) / sum(chances) * sum(observed)
    return float(stats.chisquare(observed, scaled).pvalue)


def exact(mixture: Mixture, context: Ids, answers: Sequence[Ids]) -> dict[Ids, float]:
    log_p = mixture_log_probs(mixture, [context] * len(answers), answers)
    return dict(zip(answers, log_p.exp().tolist(), strict=True))


def all_short(policy: Policy) -> list[Ids]:
    """Every completion of at most two tokens, cut off there."""
    words = range(len(policy.tokenizer))
    pairs = [p for p in itertools.product(words, words) if p[0] != policy.end]
    return [(policy.end,), *pairs]


def test_draws_of_one_policy_follow_its_log_probs(tuned_policy: Policy) -> None:
    for context in (
        tuned_policy.context(cycle_task().prompts[0]),
        tuned_policy.context("which ?", "b c"),
    ):
        ends = [tuned_policy.completion(answer) for answer in cycle_task().answers]
        with torch.no_grad():
            chances = tuned_policy.log_probs([context] * 3, ends).exp().tolist()
        counts = draws([(1.0, tuned_policy)], context, 16)
        assert misfit(counts, dict(zip(ends, chances, strict=True))) > 1e-3
        assert misfit(counts, dict(zip(ends, reversed(chances), strict=True))) < 1e-9


def test_draws_of_a_mixture_follow_its_log_probs_and_not_the_mixture_of_answers(
    tuned_policy: Policy, other: Policy
) -> None:
    mixture = [(0.3, tuned_policy), (0.7, other)]
    context = tuned_policy.context(cycle_task().prompts[0])
    ends = [tuned_policy.completion(answer) for answer in cycle_task().answers]
    counts = draws(mixture, context, 16)
    assert misfit(counts, exact(mixture, context, ends)) > 1e-3
    assert misfit(counts, exact([(0.7, tuned_policy), (0.3, other)], context, ends)) < 1e-9
    with torch.no_grad():
        parts = [w * policy.log_probs([context] * 3, ends) for w, policy in mixture]
    whole = torch.stack(parts).sum(0).softmax(-1).tolist()
    assert misfit(counts, dict(zip(ends, whole, strict=True))) < 1e-9


def test_probabilities_of_a_mixture_sum_to_one() -> None:
    one, two = precise(untrained()), precise(untrained(seed=1))
    mixture = [(0.4, one), (0.6, two)]
    context, answers = one.context("?"), all_short(one)
    chances = exact(mixture, context, answers)
    assert sum(chances.values()) == pytest.approx(1, abs=1e-12)
    assert misfit(draws(mixture, context, 2), chances) > 1e-3
    alone = exact([(1.0, two)], context, answers)
    assert sum(abs(chances[ids] - alone[ids]) for ids in answers) > 0.1
    with torch.no_grad():
        expected = two.log_probs([context] * len(answers), answers).exp()
    np.testing.assert_allclose(list(alone.values()), expected, rtol=0, atol=1e-12)


def test_answers_are_cut_off() -> None:
    policy = untrained()
    contexts = [policy.context("which ?"), policy.context("?")] * 50
    for length in (1, 3):
        drawn = sample([(1.0, policy)], contexts, length, torch.Generator().manual_seed(0))
        assert max(map(len, drawn)) == length
        assert all(policy.end not in ids[:-1] for ids in drawn)
        assert all(len(ids) == length for ids in drawn if ids[-1] != policy.end)


def test_temperature_divides_logits() -> None:
    policy = precise(untrained())
    context = policy.context("?")
    with torch.no_grad():
        logits = policy.model(input_ids=torch.tensor([context])).logits[0, -1]
    for temperature in (0.1, 5.0):
        chances = (logits / temperature).softmax(-1).tolist()
        counts = draws([(1.0, policy)], context, 1, temperature=temperature)
        assert misfit(counts, {(k,): p for k, p in enumerate(chances)}) > 1e-3
    plain = logits.softmax(-1).tolist()
    assert misfit(counts, {(k,): p for k, p in enumerate(plain)}) < 1e-9


def test_the_same_generator_draws_the_same(tuned_policy: Policy) -> None:
    contexts = [tuned_policy.context(cycle_task().prompts[0])] * 40

    def drawn(seed: int) -> list[Ids]:
        ids: list[Ids] = sample(
            [(1.0, tuned_policy)], contexts, 16, torch.Generator().manual_seed(seed)
        )
        return ids

    state = torch.random.get_rng_state()
    assert drawn(1) == drawn(1) != drawn(2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_coldest_draw_is_what_transformers_generates(tuned_policy: Policy) -> None:
    policy = untrained()
    with torch.no_grad():
        policy.model.lm_head.weight.mul_(4)
    for model, prompts in ((policy, ["which ?", "a b ?"]), (tuned_policy, ["which ?", "c answer"])):
        contexts = [model.context(prompts[0]), model.context(prompts[0], "b c")]
        contexts += [model.context(prompts[1])]
        ours = sample([(1.0, model)], contexts, 8, torch.Generator(), temperature=1e-6)
        for context, completion in zip(contexts, ours, strict=True):
            ids = torch.tensor([context])
            made = model.model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False
            )
            assert tuple(made[0, len(context) :].tolist()) == completion


@pytest.mark.parametrize(("length", "temperature"), [(0, 1.0), (4, 0.0), (4, -1.0)])
def test_numbers_out_of_range(length: int, temperature: float, tuned_policy: Policy) -> None:
    with pytest.raises(SolverError, match="must be at least 1 and positive"):
        sample([(1.0, tuned_policy)], [(1,)], length, torch.Generator(), temperature)
