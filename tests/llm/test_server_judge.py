"""The judge behind a URL, against a local server: requests, stored replies, retries."""

import json
import logging
import math
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

from games import SpecError
from llm.judges import audit
from llm.judges.judge import COMPARISON
from llm.judges.remote import NoReplyError, Remote
from llm.judges.server import ServerJudge
from tests.judged import BARE, Reply, Server, letters, listing, serving

NAN = math.nan
QUESTION = json.dumps({"messages": [{"role": "user", "content": "?"}]})


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def judge_of(server: Server, tmp_path: Path, **params: Any) -> ServerJudge:
    settings = {"template": BARE, "backoff": 0, "retries": 2, "cache": tmp_path / "replies"}
    return ServerJudge(**{"url": server.url, "model": "m", **settings, **params})


def by_question(log_odds: dict[str, float]) -> Callable[[str, int], Reply]:
    return lambda question, _: letters(log_odds[question])


BIASED = by_question({"q|x|y": 1.3, "q|y|x": 0.4})


# What is asked, and what is made of the reply


def test_both_orders_by_hand(tmp_path: Path) -> None:
    """The first place is favoured, so the one order says 0.79 and the other 0.40."""
    with serving(BIASED) as server:
        judge = judge_of(server, tmp_path)
        p = judge.prefer(["q", "q"], ["x", "y"], ["y", "x"])
        expected = (sigmoid(1.3) + 1 - sigmoid(0.4)) / 2
        np.testing.assert_allclose(p, [expected, 1 - expected], atol=1e-12)
        assert sorted(server.questions) == ["q|x|y", "q|y|x"]
        assert judge.first_wins(["q"], ["x"], ["y"]) == pytest.approx(sigmoid(1.3))
        report = audit(judge, ["q"], ["x"], ["y"])
    assert report.position_bias == pytest.approx(sigmoid(1.3) + sigmoid(0.4) - 1)
    assert report.same_verdict == 0


def test_what_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret")
    with serving(lambda *_: letters(0)) as server:
        judge = judge_of(
            server, tmp_path, template=COMPARISON, top_logprobs=5, key_variable="JUDGE_KEY"
        )
        judge.prefer(["q"], ["x é"], ["{a}"])
        open_ = judge_of(server, tmp_path)
        open_.prefer(["q"], ["x"], ["y"])
    first = next(requests for requests in server.requests if requests["body"]["top_logprobs"] == 5)
    shown = [COMPARISON.format(prompt="q", a=a, b=b) for a, b in (("x é", "{a}"), ("{a}", "x é"))]
    assert "[Answer A]\nx é\n\n[Answer B]\n{a}\n" in shown[0]
    assert sorted(server.questions[:2]) == sorted(shown)
    assert first["path"] == "/v1/chat/completions"
    assert first["headers"]["Content-Type"] == "application/json"
    assert first["headers"]["Authorization"] == "Bearer secret"
    assert first["body"] == {
        "model": "m",
        "messages": [{"role": "user", "content": ANY}],
        "max_tokens": 1,
        "temperature": 1,
        "logprobs": True,
        "top_logprobs": 5,
    }
    assert "Authorization" not in server.requests[-1]["headers"]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({"A": 0.6, "B": 0.2}, 0.75),
        ({" A": 0.3, "A": 0.3, "B\n": 0.2}, 0.75),
        ({"A": 0.9, "The": 0.1}, 1.0),
        ({"B": 0.9, "a": 0.1}, 0.0),
        ({"Answer": 0.51, "A": 0.3, "B": 0.19}, NAN),
        ({"Answer": 0.49, "A": 0.34, "B": 0.17}, 2 / 3),
    ],
)
def test_letters_by_hand(tmp_path: Path, tokens: dict[str, float], expected: float) -> None:
    with serving(lambda *_: listing(tokens)) as server:
        p = judge_of(server, tmp_path).first_wins(["q"], ["x"], ["y"])
    np.testing.assert_allclose(p, [expected], atol=1e-12)


def test_temperature_divides_the_log_odds_and_asks_nothing_anew(tmp_path: Path) -> None:
    with serving(BIASED) as server:
        p = [
            judge_of(server, tmp_path, temperature=t).first_wins(["q"], ["x"], ["y"])
            for t in (1.0, 0.5)
        ]
    np.testing.assert_allclose(np.concatenate(p), [sigmoid(1.3), sigmoid(2.6)])
    assert len(server.requests) == 1


# Failures


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    replies = {1: Reply("busy", 503), 2: Reply("slow down", 429), 3: letters(1.0)}
    with serving(lambda _, count: replies[count]) as server:
        p = judge_of(server, tmp_path).first_wins(["q"], ["x"], ["y"])
    assert p == pytest.approx(sigmoid(1.0))
    assert len(server.requests) == 3


MALFORMED = {
    "no JSON": Reply("<html>"),
    "no choices": Reply(json.dumps({"choices": []})),
    "no log-probabilities": Reply(json.dumps({"choices": [{"message": {"content": "A"}}]})),
    "null": Reply(json.dumps({"choices": [{"logprobs": None}]})),
    "empty list": Reply(
        json.dumps({"choices": [{"logprobs": {"content": [{"top_logprobs": []}]}}]})
    ),
    "a probability above 1": Reply(
        json.dumps(
            {
                "choices": [
                    {"logprobs": {"content": [{"top_logprobs": [{"token": "A", "logprob": 0.5}]}]}}
                ]
            }
        )
    ),
    "NaN": Reply(
        '{"choices": [{"logprobs": {"content": [{"top_logprobs": '
        '[{"token": "A", "logprob": NaN}]}]}}]}'
    ),
    "hung up": Reply(status=0),
    "cut short": Reply("{", missing=9),
    "server error": Reply("oops", 500),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_without_a_usable_reply_it_abstains_in_both_orders_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    def answer(question: str, _: int) -> Reply:
        return MALFORMED[kind] if question == "q|x|y" else letters(0.7)

    with serving(answer) as server, caplog.at_level(logging.WARNING, "prefgames"):
        judge = judge_of(server, tmp_path, retries=1)
        p = judge.prefer(["q", "q"], ["x", "x"], ["y", "z"])
        np.testing.assert_allclose(p, [NAN, 0.5])
        report = audit(judge, ["q", "q"], ["x", "x"], ["y", "z"])
    assert (report.pairs, report.abstained) == (2, 1)
    assert server.questions.count("q|x|y") == 2 * 2, "two attempts, and nothing useless is kept"
    assert server.questions.count("q|y|x") == 1
    assert "ServerJudge: no verdict on 1 of 4 questions; the first: " in caplog.text
    assert "(2 attempts)" in caplog.text


def test_a_timeout_is_tried_again(tmp_path: Path) -> None:
    def answer(_: str, count: int) -> Reply:
        reply = letters(1.0)
        reply.wait = 30.0 if count == 1 else 0.0
        return reply

    with serving(answer) as server:
        p = judge_of(server, tmp_path, timeout=0.3).first_wins(["q"], ["x"], ["y"])
    assert p == pytest.approx(sigmoid(1.0))
    assert len(server.requests) == 2


def test_a_refused_question_is_not_repeated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(lambda *_: Reply("context too long", 400)) as server:
        p = judge_of(server, tmp_path).first_wins(["q"], ["x"], ["y"])
    assert math.isnan(p[0])
    assert len(server.requests) == 1
    assert "HTTP 400 Bad Request: context too long" in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_address_or_key_stops_everything(tmp_path: Path, status: int) -> None:
    answers = [str(k) for k in range(50)]
    with serving(lambda _, count: Reply("no such model", status, 0.1 * (count > 1))) as server:
        judge = judge_of(server, tmp_path, workers=2)
        with pytest.raises(SpecError, match=f"HTTP {status} .*no such model; check the address"):
            judge.first_wins(["q"] * 50, answers, ["x"] * 50)
    assert len(server.requests) < 50


def test_no_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda *_: letters(0)) as server:
        pass
    p = judge_of(server, tmp_path).first_wins(["q"], ["x"], ["y"])
    assert math.isnan(p[0])
    assert "(3 attempts)" in caplog.text


class Pauses(threading.Event):
    """Records the waiting times, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return self.is_set()


def test_pauses_double() -> None:
    pauses = Pauses()
    with serving(lambda *_: Reply("{")) as server:
        remote = Remote(server.url, "", timeout=10, retries=3, backoff=0.5, stop=pauses)
        with pytest.raises(NoReplyError, match=r"JSONDecodeError: .* \(4 attempts\)"):
            remote.ask(QUESTION, lambda reply: reply)
    assert pauses.seconds == [0.5, 1, 2]
    assert len(server.requests) == 4


def test_after_an_error_no_further_attempt_is_made(tmp_path: Path) -> None:
    """One question stops all others, one of which would be retried in five seconds."""
    answered = threading.Event()

    def answer(question: str, _: int) -> Reply:
        if question == "q|x|y":
            answered.set()
            return Reply("busy", 503)
        answered.wait(10)
        return Reply("wrong key", 401)

    with serving(answer) as server:
        judge = judge_of(server, tmp_path, backoff=5, workers=2)
        with pytest.raises(SpecError, match="wrong key"):
            judge.prefer(["q"], ["x"], ["y"])
    assert sorted(server.questions) == ["q|x|y", "q|y|x"]


# Many questions


def test_questions_are_asked_side_by_side_and_each_once(tmp_path: Path) -> None:
    """Four requests wait for each other, so that four must be under way at once."""
    together = threading.Barrier(4)

    def answer(question: str, _: int) -> Reply:
        together.wait(20)
        return letters(float(question.split("|")[1]))

    odds = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    with serving(answer) as server:
        judge = judge_of(server, tmp_path, workers=4)
        firsts = [str(x) for x in (*odds, *odds[::-1])]
        p = judge.first_wins(["q"] * 16, firsts, ["-"] * 16)
    np.testing.assert_allclose(p, [sigmoid(x) for x in (*odds, *odds[::-1])])
    assert len(server.requests) == 8
    assert server.most_at_once == 4


# The file of replies


def test_replies_are_kept_in_the_file(tmp_path: Path) -> None:
    with serving(BIASED) as server:
        first = judge_of(server, tmp_path).prefer(["q"], ["x"], ["y"])
        again = judge_of(server, tmp_path).prefer(["q"], ["y"], ["x"])
        assert len(server.requests) == 2
        judge_of(server, tmp_path, cache=tmp_path / "new" / "file").prefer(["q"], ["x"], ["y"])
        assert len(server.requests) == 4
    np.testing.assert_allclose(again, 1 - first)
    offline = judge_of(server, tmp_path, retries=0).prefer(["q"], ["x"], ["y"])
    np.testing.assert_array_equal(offline, first)


@pytest.mark.parametrize(
    "change",
    [{"model": "n"}, {"template": "{a}|{b}|{prompt}"}, {"top_logprobs": 5}, {"url": "/v2"}],
    ids=str,
)
def test_another_question_is_asked_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    with serving(lambda *_: letters(0.3)) as server:
        judge_of(server, tmp_path).prefer(["q"], ["x"], ["y"])
        if "url" in change:
            change = {"url": server.url.replace("/v1", change["url"])}
        judge_of(server, tmp_path, **change).prefer(["q"], ["x"], ["y"])
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    "change", [{"timeout": 7.0}, {"retries": 0}, {"workers": 1}, {"backoff": 1.0}], ids=str
)
def test_how_it_is_asked_is_no_part_of_the_question(tmp_path: Path, change: dict[str, Any]) -> None:
    with serving(lambda *_: letters(0.3)) as server:
        judge_of(server, tmp_path).prefer(["q"], ["x"], ["y"])
        judge_of(server, tmp_path, **change).prefer(["q"], ["x"], ["y"])
        judge_of(server, tmp_path, url=f"{server.url}/").prefer(["q"], ["x"], ["y"])
        assert len(server.requests) == 2


def test_prompts_and_answers_are_part_of_the_question(tmp_path: Path) -> None:
    with serving(lambda question, _: letters(len(question) / 10)) as server:
        judge = judge_of(server, tmp_path)
        for prompt, a, b in (("q", "x", "y"), ("r", "x", "y"), ("q", "x", "z"), ("q", "w", "y")):
            judge.first_wins([prompt], [a], [b])
    assert server.questions == ["q|x|y", "r|x|y", "q|x|z", "q|w|y"]


def test_replies_got_before_an_interruption_are_kept(tmp_path: Path) -> None:
    def answer(question: str, _: int) -> Reply:
        return letters(0.3) if question == "q|x|y" else Reply("expired", 401)

    with serving(answer) as server:
        judge = judge_of(server, tmp_path, workers=1)
        with pytest.raises(SpecError):
            judge.prefer(["q"], ["x"], ["y"])
        judge.first_wins(["q"], ["x"], ["y"])
    assert server.questions.count("q|x|y") == 1


def test_the_file_is_in_the_users_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(lambda *_: letters(0.3)) as server:
        judge_of(server, tmp_path, cache=None).prefer(["q"], ["x"], ["y"])
    with sqlite3.connect(tmp_path / "prefgames" / "judge.sqlite") as file:
        questions = [question for (question,) in file.execute("SELECT question FROM replies")]
    file.close()
    assert len(questions) == 2
    assert all(question.startswith(f"{server.url}/chat/completions\n") for question in questions)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "replies"
    path.write_text("notes of mine, " * 100)
    with serving(lambda *_: letters(0.3)) as server:
        judge = judge_of(server, tmp_path)
        with pytest.raises(SpecError, match=r"replies: .*delete the file, or give another one"):
            judge.prefer(["q"], ["x"], ["y"])
    assert path.read_text() == "notes of mine, " * 100


# Parameters


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"url": "localhost:8000"}, "url is 'localhost:8000', expected one like http://"),
        ({"url": "file:///etc/hosts"}, "url is"),
        ({"template": "{a} or {b}"}, "template has the fields"),
        ({"temperature": 0}, "temperature is 0, expected at least 1e-06"),
        ({"temperature": NAN}, "temperature is nan"),
        ({"top_logprobs": 1}, "top_logprobs is 1, expected at least 2"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": math.inf}, "timeout is inf"),
        ({"retries": -1}, "retries is -1, expected at least 0"),
        ({"workers": 0}, "workers is 0"),
    ],
    ids=str,
)
def test_parameters_out_of_range(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=f"ServerJudge: {reason}"):
        ServerJudge(**{"url": "http://localhost:1/v1", "model": "m", **change})


def test_a_key_that_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with serving(lambda *_: letters(0)) as server:
        judge = judge_of(server, tmp_path, key_variable="JUDGE_KEY")
        with pytest.raises(SpecError, match="the environment variable JUDGE_KEY is not set"):
            judge.prefer(["q"], ["x"], ["y"])
    assert server.requests == []
