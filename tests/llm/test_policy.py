"""Texts and log-probabilities of a policy, against a computation of one text at a time."""

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from games import SolverError
from llm.policy import INSTRUCTION, Ids, Policy
from llm.sampling import sample
from tests.small_models import equal, gpt2, parameters, plain_log_prob, precise, spelt, untrained

PROMPTS = ["which ?", "Question 1 : which answer ?", "which ?", "?"]
ANSWERS = ["b c", "a", "b d a", ""]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def policy(request: pytest.FixtureRequest) -> Policy:
    """A policy in double precision; gpt2 has absolute positions."""
    made = untrained()
    if request.param == "gpt2":
        made = Policy(gpt2(made.tokenizer), made.tokenizer)
    return precise(made)


def chats(policy: Policy) -> tuple[list[Ids], list[Ids]]:
    """Leaders and followers of unequal lengths, one conversation twice."""
    contexts = [policy.context(prompt) for prompt in PROMPTS]
    contexts += [policy.context(p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    completions = [policy.completion(answer) for answer in ANSWERS * 2]
    return [*contexts, contexts[1]], [*completions, completions[1]]


def test_log_probs_are_those_of_one_text_at_a_time(policy: Policy) -> None:
    contexts, completions = chats(policy)
    assert len({len(context) for context in contexts}) > 3
    plain = [plain_log_prob(policy, *pair) for pair in zip(contexts, completions, strict=True)]
    assert len(set(np.round(plain, 6))) == len(plain) - 1
    log_probs = policy.log_probs(contexts, completions).detach().numpy()
    np.testing.assert_allclose(log_probs, plain, rtol=0, atol=1e-10)


def test_the_end_counts_and_the_prompt_does_not(policy: Policy) -> None:
    contexts, completions = chats(policy)
    tokens, mask = policy.token_log_probs(contexts, completions)
    assert mask.sum(-1).tolist() == [len(c) for c in completions]
    assert [c[-1] for c in completions] == [policy.end] * len(completions)
    assert bool((tokens[~mask] == 0).all())
    assert bool((tokens[mask] < 0).all())
    without = policy.log_probs(contexts[:1], [completions[0][:-1]])
    last = plain_log_prob(policy, (*contexts[0], *completions[0][:-1]), (policy.end,))
    np.testing.assert_allclose(tokens[0].sum().item() - without.item(), last, atol=1e-10)


def test_gradients_are_those_of_one_text_at_a_time(policy: Policy) -> None:
    contexts, completions = chats(policy)
    weights = torch.linspace(-1, 2, len(contexts), dtype=torch.float64)
    (weights * policy.log_probs(contexts, completions)).sum().backward()
    gradients = {name: p.grad.clone() for name, p in policy.model.named_parameters()}
    policy.model.zero_grad()
    for weight, context, completion in zip(weights, contexts, completions, strict=True):
        logits = policy.model(input_ids=torch.tensor([[*context, *completion]])).logits[0]
        token_log_probs = logits[len(context) - 1 : -1].log_softmax(-1)
        (weight * token_log_probs[range(len(completion)), list(completion)].sum()).backward()
    for name, p in policy.model.named_parameters():
        torch.testing.assert_close(gradients[name], p.grad, rtol=0, atol=1e-5)  # norms are fp32
    policy.model.zero_grad()


def test_padding_is_on_the_left_and_positions_start_after_it(policy: Policy) -> None:
    inputs: list[dict[str, Any]] = []
    hook = policy.model.register_forward_pre_hook(
        lambda model, args, given: inputs.append(given), with_kwargs=True
    )
    short, long = policy.context("?"), policy.context("which answer ?")
    state = policy.prefill([short, long])
    policy.extend(state, torch.tensor([1, 0, 0]), torch.tensor([[3, 4]] * 3))
    hook.remove()
    gap = len(long) - len(short)
    assert state.mask.tolist() == [[0] * gap + [1] * len(short), [1] * len(long)]
    assert inputs[0]["input_ids"][0, gap:].tolist() == list(short)
    assert inputs[0]["position_ids"][0].tolist() == [0] * gap + list(range(len(short)))
    assert inputs[0]["position_ids"][1].tolist() == list(range(len(long)))
    s, n = len(short), len(long)
    assert inputs[1]["position_ids"].tolist() == [[n, n + 1], [s, s + 1], [s, s + 1]]


def test_chats_by_hand() -> None:
    policy = untrained()
    assert spelt(policy, policy.context("which ?")) == "<user> which ? <end> <assistant>"
    assert spelt(policy, policy.context("which ?", "b c")) == (
        f"<user> which ? <end> <assistant> b c <end> <user> {INSTRUCTION} <end> <assistant>"
    )
    assert spelt(policy, policy.completion("b c")) == "b c <end>"
    other = Policy(policy.model, policy.tokenizer, "which answer ?")
    assert spelt(other, other.context("?", "a")) == (
        "<user> ? <end> <assistant> a <end> <user> which answer ? <end> <assistant>"
    )


def test_text_ends_at_the_first_end_or_where_it_was_cut() -> None:
    policy = untrained()
    b, c = policy.completion("b c")[:2]
    assert policy.text((b, c, policy.end)) == "b c"
    assert policy.text((b, c)) == "b c…"  # not the answer "b c": it did not end
    assert policy.text((b, policy.end, c)) == "b"
    assert policy.text((policy.end,)) == ""
    padded = policy.tokenizer.pad_token_id, b, policy.end
    assert policy.text(padded) == "<pad> b"  # not the answer b


@pytest.mark.parametrize("missing", ["chat_template", "eos_token"])
def test_a_tokenizer_that_lacks_something_is_refused(missing: str) -> None:
    policy = untrained()
    tokenizer = copy.deepcopy(policy.tokenizer)
    setattr(tokenizer, missing, None)
    with pytest.raises(SolverError, match="no chat template or no end-of-text token"):
        Policy(policy.model, tokenizer)


def test_a_model_without_padding_token_says_the_same() -> None:
    policy = precise(untrained())
    tokenizer = copy.deepcopy(policy.tokenizer)
    tokenizer.pad_token = None
    bare = Policy(policy.model, tokenizer)
    contexts, completions = chats(policy)
    torch.testing.assert_close(
        bare.log_probs(contexts, completions), policy.log_probs(contexts, completions)
    )


def test_dropout_is_off() -> None:
    policy = untrained()
    policy.model.train()
    assert not Policy(policy.model, policy.tokenizer).model.training


def test_generated_and_scored_log_probs_agree(
    tuned_policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores equal the log-probabilities that the sampler used, in single precision."""
    policy = tuned_policy.copied()
    with torch.no_grad():
        policy.model.lm_head.weight.mul_(0.4)  # less sure: longer and more varied answers
    drawn: list[tuple[Any, Any]] = []
    multinomial = torch.multinomial

    def recorded(chances: Any, n: int, generator: Any) -> Any:
        tokens = multinomial(chances, n, generator=generator)
        drawn.append((chances.gather(1, tokens)[:, 0], tokens[:, 0]))
        return tokens

    monkeypatch.setattr(torch, "multinomial", recorded)
    contexts = [policy.context(prompt) for prompt in PROMPTS] * 20
    contexts += [policy.context("?", answer) for answer in ANSWERS] * 10
    ids = sample([(1.0, policy)], contexts, 12, torch.Generator().manual_seed(0))
    assert len({len(row) for row in ids}) > 4
    total, alive = torch.zeros(len(ids)), torch.arange(len(ids))
    for chances, tokens in drawn:
        total[alive] += chances.log()
        alive = alive[tokens != policy.end]
    with torch.no_grad():
        scored = policy.log_probs(contexts, ids)
    torch.testing.assert_close(total, scored, rtol=0, atol=1e-4)


# --- references ---


def stepped(policy: Policy) -> None:
    trained = [p for p in policy.model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1.0)
    policy.log_probs([policy.context("which ?")], [policy.completion("a")]).sum().backward()
    optimizer.step()


def chat_log_probs(policy: Policy) -> list[float]:
    with torch.no_grad():
        contexts, completions = chats(policy)
        return list(policy.log_probs(contexts, completions).tolist())


def test_a_frozen_policy_is_a_copy_that_stays() -> None:
    policy = untrained().requires_grad_(True)
    before = parameters(policy)
    reference = policy.frozen()
    assert not any(p.requires_grad for p in reference.model.parameters())
    assert all(p.requires_grad for p in policy.model.parameters())
    np.testing.assert_allclose(chat_log_probs(reference), chat_log_probs(policy), rtol=0, atol=1e-5)
    stepped(policy)
    assert equal(parameters(reference), before)
    assert max(abs(np.subtract(chat_log_probs(reference), chat_log_probs(policy)))) > 1e-3


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # of peft's own
def test_with_adapters_the_reference_is_the_model_without_them() -> None:
    peft = pytest.importorskip("peft", reason="adapters need peft")
    plain = untrained()
    before = chat_log_probs(plain)
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    policy = Policy(peft.get_peft_model(plain.model, config), plain.tokenizer)
    reference = policy.frozen()
    assert reference.model is policy.model
    np.testing.assert_allclose(chat_log_probs(reference), before, rtol=0, atol=1e-5)
    np.testing.assert_allclose(chat_log_probs(policy), before, rtol=0, atol=1e-5)
    stepped(policy)  # at the start one of the two factors is 0, which the step moves
    stepped(policy)
    np.testing.assert_allclose(chat_log_probs(reference), before, rtol=0, atol=1e-5)
    assert max(abs(np.subtract(chat_log_probs(policy), before))) > 1e-3
    independent = policy.copied()
    stepped(policy)
    assert max(abs(np.subtract(chat_log_probs(policy), chat_log_probs(independent)))) > 1e-3
