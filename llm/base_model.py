"""The model to begin with: a small one made here, or any checkpoint; taught a task, once.

What was taught is kept in the user's cache folder under a hash of everything that decides it.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from games.errors import SolverError
from llm.policy import INSTRUCTION, Policy
from llm.quiet import quiet
from llm.tasks.verbalized import Verbalized, conversations

TINY = "tiny"
"""The name of the model that is made here."""

TINY_LR, LARGE_LR = 5e-3, 2e-5
"""Learning rates of lessons, for the model that is made here and for others."""

_TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
_SPECIAL = ("<pad>", "<unk>", "<end>", "<user>", "<assistant>")


@dataclass(frozen=True)
class Lessons:
    """How a model is taught what to say: weighted cross-entropy on every conversation of a task.

    Attributes
    ----------
    steps : int >= 0
        Full-batch steps of Adam; with 0 the model stays as it is.
    lr : float > 0
        Largest learning rate; it falls to 0 as a cosine.
    seed : int >= 0
        Of the first weights of a model that is made here.
    """

    steps: int = 300
    lr: float = TINY_LR
    seed: int = 0


def tiny(texts: Iterable[str], seed: int = 0) -> tuple[Any, Any]:
    """An untrained Llama of 61,000 parameters and a tokenizer whose tokens are words of ``texts``.

    Its weights start larger than usual (0.08): at this width 0.02 is too small to learn to read.
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
    """The policy in a folder, or of a name on the model hub (``dtype=...`` and the like pass on).

    Raises
    ------
    SolverError
        If transformers cannot load it.
    """
    options = {"dtype": "float32", **options}
    try:
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(name, **options)
            tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        told = " ".join(str(error).split())
        raise SolverError(f"model {name!r} cannot be loaded: {told}") from error
    return Policy(model.to(device()), tokenizer, instruction)


def device() -> str:
    """Where models are kept, and taught: the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def taught(
    model: str,
    task: Verbalized,
    lessons: Lessons = Lessons(),
    cache: Path | None = None,
) -> Policy:
    """The model after it was taught to speak like the references of the task.

    Parameters
    ----------
    model : "tiny", a folder, or a name on the model hub
    task : Verbalized
    lessons : Lessons
    cache : Path, optional
        Folder that keeps what was taught; by default ``prefgames/models`` in the user's cache
        folder (``XDG_CACHE_HOME``, else ``~/.cache``).

    Raises
    ------
    SolverError
        If the model cannot be loaded.
    """
    if lessons.steps == 0 and model != TINY:
        return load(model, task.instruction)
    known = [*task.prompts, *task.answers, task.instruction]
    key = {
        "model": fingerprint(model),
        "texts": known,
        "answers": list(task.answers),
        "leader": task.game.ref.tolist(),
        "follower": task.follower.tolist(),
        "lessons": asdict(lessons),
        "format": 1,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    folder = (cache or cache_folder()) / f"{Path(model).name}-{digest}"
    if not folder.is_dir():
        if model == TINY:
            model_, tokenizer = tiny(known, lessons.seed)
            policy = Policy(model_.to(device()), tokenizer, task.instruction)
        else:
            policy = load(model, task.instruction)
        teach(policy, task, lessons)
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{digest}-"))
        save(policy, part)
        try:
            part.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(part)
    return load(str(folder), task.instruction)


def adapted(policy: Policy, rank: int) -> Policy:
    """The policy with low-rank adapters on all linear layers; they alone are trained.

    Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021, arXiv:2106.09685. Their
    scale is 2 (alpha = 2 rank).

    Raises
    ------
    SolverError
        If peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise SolverError(f"adapters need peft ({error}): pip install peft") from error
    # peft draws the first weights from torch's own generator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
        model = get_peft_model(policy.model, config)
    return Policy(model, policy.tokenizer, policy.instruction)


def cache_folder() -> Path:
    """Where taught models are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "prefgames" / "models"


def save(policy: Policy, folder: Path) -> None:
    """Model and tokenizer, as ``load`` reads them."""
    with quiet():
        policy.model.save_pretrained(folder)
        policy.tokenizer.save_pretrained(folder)


def teach(policy: Policy, task: Verbalized, lessons: Lessons = Lessons()) -> float:
    """Minimise the cross-entropy to the references of the task; what is left, in nats.

    L = mean_x [KL(ref(.|x) | pi(.|x)) + mean_y KL(ref_follower(.|x, y) | omega(.|x, y))], with
    the probability of every answer computed and weighted, none drawn.
    """
    contexts, completions = conversations(task, policy)
    chances = np.concatenate([task.game.ref.ravel(), task.follower.ravel() / task.game.n])
    weights = torch.tensor(chances / len(task.prompts), device=policy.device)
    entropies = np.concatenate([task.game.ref.ravel(), task.follower.ravel()])
    floor = float(-(chances * np.log(entropies)).sum() / len(task.prompts))
    parameters = [p for p in policy.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=lessons.lr, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, lessons.steps)
    for _ in range(lessons.steps):
        loss = -(weights * policy.log_probs(contexts, completions)).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return float(-(weights * policy.log_probs(contexts, completions)).sum()) - floor


def fingerprint(model: str) -> str:
    """What tells a local checkpoint from another: its files' sizes and times; else its name."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    files = sorted(folder.glob("*"))
    return repr([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files])
