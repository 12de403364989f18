"""Loading and saving language models: a tiny untrained one, a folder, or a name on the hub."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from games.errors import SolverError
from llm.policy import INSTRUCTION, Policy

TINY = "tiny"
"""The name of the untrained model that ``tiny`` creates."""

_TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
_SPECIAL = ("<pad>", "<unk>", "<end>", "<user>", "<assistant>")


def device() -> str:
    """The device that models are put on: "cuda" if a GPU is available, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Switch the progress bars of transformers off within the context."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def tiny(texts: Iterable[str], seed: int = 0) -> tuple[Any, Any]:
    """An untrained Llama of 61,000 parameters and a tokenizer whose tokens are words of ``texts``.

    The initial weights have a standard deviation of 0.08 instead of the usual 0.02, with which a
    model of this width hardly learns.
    """
    words = dict.fromkeys(word for text in (*texts, INSTRUCTION) for word in text.split())
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys([*_SPECIAL, *words]))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<end>",
        additional_special_tokens=["<user>", "<assistant>"],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = _TEMPLATE
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=48,
        intermediate_size=144,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.08,
        pad_token_id=vocabulary["<pad>"],
        eos_token_id=vocabulary["<end>"],
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    return model, tokenizer


def load(name: str, instruction: str = INSTRUCTION, **options: Any) -> Policy:
    """Load the policy from a folder, or by its name on the model hub.

    ``options`` (``dtype=...`` and so on) are passed to ``from_pretrained``.

    Raises
    ------
    SolverError
        If transformers cannot load it.
    """
    options = {"dtype": "float32", **options}
    try:
        with without_progress_bars():
            model = AutoModelForCausalLM.from_pretrained(name, **options)
            tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SolverError(f"model {name!r} cannot be loaded: {reason}") from error
    return Policy(model.to(device()), tokenizer, instruction)


def save(policy: Policy, folder: Path) -> None:
    """Save model and tokenizer in the form that ``load`` reads."""
    with without_progress_bars():
        policy.model.save_pretrained(folder)
        policy.tokenizer.save_pretrained(folder)


def with_lora(policy: Policy, rank: int) -> Policy:
    """The policy with LoRA adapters on all linear layers; only these are trained.

    Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021, arXiv:2106.09685, with
    alpha = 2 rank.

    Raises
    ------
    SolverError
        If peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise SolverError(f"adapters need peft ({error}): pip install peft") from error
    # peft draws the initial weights from torch's global generator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
        model = get_peft_model(policy.model, config)
    return Policy(model, policy.tokenizer, policy.instruction)


def fingerprint(model: str) -> str:
    """Identifies a model: names, sizes and times of a folder's files; a hub name is itself."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    files = sorted(folder.glob("*"))
    return repr([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files])
