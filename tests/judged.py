"""Judges for tests: fixed verdicts, a small OpenAI-compatible server, and tiny classifiers."""

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from games.game import Float
from llm.judges.judge import Texts

BARE = "{prompt}|{a}|{b}"
"""A template whose fields a test can split again."""


@dataclass(frozen=True)
class Table:
    """A judge with a table of verdicts; NaN on every other pair."""

    says: Mapping[tuple[str, str], float]

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Any) -> Float:
        return np.array([self.says.get(pair, math.nan) for pair in zip(a, b, strict=True)])


# The server


@dataclass
class Reply:
    """A reply of the server: body, status, delay in seconds, and number of bytes it withholds."""

    body: str = ""
    status: int = 200
    wait: float = 0.0
    missing: int = 0


def listing(tokens: Mapping[str, float]) -> Reply:
    """A reply whose first token has these probabilities."""
    likeliest = [{"token": t, "logprob": math.log(p)} for t, p in tokens.items()]
    content = [{**likeliest[0], "top_logprobs": likeliest}]
    return Reply(json.dumps({"choices": [{"logprobs": {"content": content}}]}))


def letters(log_odds: float, other: float = 0.1) -> Reply:
    """A reply with A and B at these log-odds, and another word with probability ``other``."""
    p = (1 - other) / (1 + math.exp(-log_odds))
    return listing({"A": p, "B": 1 - other - p, "The": other})


@dataclass
class Server:
    """A server on this machine; ``answer`` makes the reply to a question, given its number.

    Attributes
    ----------
    requests : questions in the order of arrival: path, headers and body
    most_at_once : int
    """

    answer: Callable[[str, int], Reply]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.stopped = threading.Event()

    @property
    def questions(self) -> list[str]:
        return [question["body"]["messages"][0]["content"] for question in self.requests]

    def take(self, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        with self._lock:
            self.requests.append({"path": path, "headers": dict(headers), "body": body})
            count = len(self.requests)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        reply = self.answer(body["messages"][0]["content"], count)
        self.stopped.wait(reply.wait)
        with self._lock:
            self._now -= 1
        return reply


@contextmanager
def serving(answer: Callable[[str, int], Reply]) -> Iterator[Server]:
    """A server that runs in threads of this process."""
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = server.take(self.path, dict(self.headers), body)
            if reply.status == 0:  # hang up without a word
                self.close_connection = True
                return
            try:
                content = reply.body.encode()
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(content) + reply.missing))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # nobody waits any more
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            http.shutdown()
            thread.join()


# Tiny classifiers


def classifier(folder: Path, labels: int = 1, seed: int = 0, family: str = "Llama") -> str:
    """A folder with an untrained classifier that reads bytes, its tokenizer and chat template."""
    torch = pytest.importorskip("torch", reason="model judges need torch: the extra llm")
    transformers = pytest.importorskip("transformers", reason="model judges need transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    specials = ["<pad>", "<end>", "<user>", "<assistant>"]
    letters_ = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    inner = Tokenizer(models.BPE({letter: k for k, letter in enumerate(letters_)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="<end>",
        additional_special_tokens=["<user>", "<assistant>"],
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}"
    )
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(letters_),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        initializer_range=0.5,
        num_labels=labels,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, f"{family}ForSequenceClassification")(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
