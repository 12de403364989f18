"""A language model behind an OpenAI-compatible URL as a judge, e.g. vLLM or llama.cpp.

Log-probabilities of the letters A and B as in Pasztor et al. 2025, arXiv:2512.16626.
"""

import json
import logging
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from games import numerics
from games.errors import SpecError
from games.game import Float
from llm.cache import user_cache
from llm.judges.judge import COMPARISON, OrderedJudge, Texts, require_pairs, require_template
from llm.judges.remote import NoReplyError, Remote
from llm.judges.replies import ReplyCache

Tokens = list[tuple[str, float]]
"""Pairs of a token and its log-probability."""

_LOG = logging.getLogger("prefgames")
_LEAST = {
    "temperature": 1e-6,
    "top_logprobs": 2,
    "timeout": 1e-3,
    "retries": 0,
    "backoff": 0,
    "workers": 1,
}
_LEAST_MASS = 0.5
_ROUNDING = 1e-3


@dataclass(frozen=True)
class ServerJudge(OrderedJudge):
    """P(a, b) = (p(a, b) + 1 - p(b, a)) / 2 with p = sigmoid((log p_A - log p_B) / temperature).

    p_A and p_B are the probabilities that the first token of the reply is A or B, ignoring white
    space; a letter that the server does not list has 0. Where both together have less than half,
    the model would have said something else (as models that reason first do), and the judge
    abstains. It also abstains where the server refuses a question, or gives no usable reply in
    ``retries`` + 1 attempts; the logger "prefgames" reports how often, and a reason. Texts are
    shown as they are, so that an answer may contain a prompt injection.

    Replies are stored, with the full question, under everything that is sent: URL, model,
    template, prompt and both answers in their order. If another model is served under the same
    name, delete the file.

    Attributes
    ----------
    url : str
        Up to and including the version, e.g. "http://localhost:8000/v1".
    model : str
        Name that the server gives the model.
    template : str with the fields {prompt}, {a} and {b}
    temperature : float > 0
        Divides the log-odds; 0.9 in the published code. The temperature of the request is always 1,
        because some servers report log-probabilities after dividing by it.
    top_logprobs : int in [2, ...)
        Number of most likely tokens to ask for; servers have limits, often 20.
    timeout : float > 0
        Seconds to wait for the next byte.
    retries : int >= 0
        Further attempts after a failed one, after 1, 2, 4, ... times ``backoff``.
    backoff : float >= 0, seconds
    workers : int >= 1
        Number of concurrent questions.
    key_variable : str
        Environment variable that holds the server's key; "" sends none.
    cache : Path, optional
        File of stored replies; by default ``prefgames/judge.sqlite`` in the user's cache folder
        (``XDG_CACHE_HOME``, else ``~/.cache``).

    Raises
    ------
    SpecError
        If a parameter is out of range; when the server is asked, if it rejects the address, the
        name of the model or the key.
    """

    url: str
    model: str
    template: str = COMPARISON
    temperature: float = 1.0
    top_logprobs: int = 20
    timeout: float = 60.0
    retries: int = 4
    backoff: float = 1.0
    workers: int = 8
    key_variable: str = ""
    cache: Path | None = None

    def __post_init__(self) -> None:
        require_template(self, self.template)
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SpecError(
                f"ServerJudge: url is {self.url!r}, expected one like http://localhost:8000/v1"
            )
        for name, low in _LEAST.items():
            value = getattr(self, name)
            if not low <= value < math.inf:
                raise SpecError(f"ServerJudge: {name} is {value!r}, expected at least {low:g}")

    def first_wins(
        self, prompts: Texts, first: Texts, second: Texts, **columns: Sequence[Any]
    ) -> Float:
        """Probabilities that the answer shown first is preferred, in this order only."""
        del columns
        require_pairs(self, prompts, first, second)
        questions = [self._question(*texts) for texts in zip(prompts, first, second, strict=True)]
        replies, reasons = self._replies(questions)
        masses = {question: _masses(tokens) for question, tokens in replies.items()}
        for question, (p_a, p_b) in masses.items():
            if p_a + p_b < _LEAST_MASS:
                likeliest = max(replies[question], key=lambda token: token[1])
                reasons[question] = f"says neither A nor B but {likeliest[0]!r}"
        if reasons:
            first_reason = next(iter(reasons.values()))
            _LOG.warning(
                f"ServerJudge: no verdict on {len(reasons)} of {len({*questions})} questions; the "
                f"first: {first_reason}"
            )
        missing = math.nan, math.nan
        table = [missing if q in reasons else masses[q] for q in questions]
        log_a, log_b = numerics.log(np.array(table, dtype=np.float64).reshape(-1, 2).T)
        return np.asarray(numerics.sigmoid((log_a - log_b) / self.temperature))

    def _question(self, prompt: str, first: str, second: str) -> str:
        text = self.template.format(prompt=prompt, a=first, b=second)
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 1,
            "temperature": 1,
            "logprobs": True,
            "top_logprobs": self.top_logprobs,
        }
        return json.dumps(body)

    def _replies(self, questions: Sequence[str]) -> tuple[dict[str, Tokens], dict[str, str]]:
        """The most likely first tokens by question, and a reason for questions without a reply."""
        address = f"{self.url.rstrip('/')}/chat/completions"
        key = _secret(self.key_variable)
        remote = Remote(address, key, self.timeout, self.retries, self.backoff)
        cache = ReplyCache(self.cache or user_cache() / "judge.sqlite")
        named = {f"{address}\n{question}": question for question in questions}
        replies = {named[q]: json.loads(reply) for q, reply in cache.get(named).items()}
        reasons: dict[str, str] = {}
        with ThreadPoolExecutor(self.workers) as pool:
            futures = {
                pool.submit(remote.ask, question, _first_token): (name, question)
                for name, question in named.items()
                if question not in replies
            }
            try:
                for done in as_completed(futures):
                    name, question = futures[done]
                    try:
                        replies[question] = done.result()
                    except NoReplyError as error:
                        reasons[question] = str(error)
                    else:
                        cache.put(name, json.dumps(replies[question]))
            finally:  # on Ctrl-C, do not wait for further attempts
                remote.stop.set()
                pool.shutdown(cancel_futures=True)
        return replies, reasons


def _secret(variable: str) -> str:
    if variable and not os.environ.get(variable):
        raise SpecError(f"ServerJudge: the environment variable {variable} is not set; set it")
    return os.environ[variable] if variable else ""


def _first_token(reply: Any) -> Tokens:
    """Candidates for the first token, with log-probabilities."""
    try:
        listed = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        tokens = [(str(entry["token"]), float(entry["logprob"])) for entry in listed]
    except (LookupError, TypeError, ValueError):
        tokens = []
    if not tokens or not all(log_p <= _ROUNDING for _, log_p in tokens):
        raise ValueError("no log-probabilities at choices[0].logprobs.content[0].top_logprobs")
    return tokens


def _masses(tokens: Tokens) -> tuple[float, float]:
    """Probabilities that the first token is A and that it is B, ignoring white space."""
    p_a, p_b = (
        sum(math.exp(log_p) for token, log_p in tokens if token.strip() == letter)
        for letter in ("A", "B")
    )
    return p_a, p_b
