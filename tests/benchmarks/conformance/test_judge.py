"""The contract of judges: each check fails where it should, and says why."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="language models need the extra llm")

from benchmarks.conformance.judge import CHECKS, run
from benchmarks.conformance.outcome import Outcome
from games.game import Float
from games.plugin_files import load_module
from llm.judges import ScalarJudge, audit
from llm.judges.judge import require_pairs


def failed(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.name: each.reason for each in outcomes if each.passed is False}


def mark(seed: int, *texts: str) -> float:
    """A number in [0, 1) that depends on everything."""
    digest = hashlib.sha256("|".join((str(seed), *texts)).encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


# A good judge, and one that breaks each law


@dataclass(frozen=True)
class Good(ScalarJudge):
    """P(a, b) = sigmoid of a difference of hashes."""

    seed: int = 0

    def score(self, prompts: Any, answers: Any, **columns: Any) -> Float:
        require_pairs(self, prompts, answers)
        pairs = zip(prompts, answers, strict=True)
        return np.array([mark(self.seed, *pair) for pair in pairs], dtype=np.float64)


class Single(Good):
    """In single precision."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Any:
        return super().prefer(prompts, a, b).astype(np.float32)


class Listing(Good):
    """A list, not an array."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Any:
        return super().prefer(prompts, a, b).tolist()


class Column(Good):
    """An array of two axes."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Any:
        return super().prefer(prompts, a, b)[:, None]


class Margin(Good):
    """Margins in place of probabilities."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        return self.score(prompts, a) - self.score(prompts, b) - 0.5


class FirstPlace(Good):
    """The first place gets a bonus."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        return np.minimum(super().prefer(prompts, a, b) + 0.01, 1)


class FirstWinsTies(Good):
    """Ties go to the first answer, as in the published votes."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        p = super().prefer(prompts, a, b)
        return np.where(p == 0.5, 1.0, p)


class OneSided(Good):
    """Abstains in one order only."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        p = super().prefer(prompts, a, b)
        return np.where(p > 0.6, np.nan, p)


class Standardised(Good):
    """Scores are compared with the mean of their batch."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        margins = self.score(prompts, a) - self.score(prompts, b)
        spread = abs(margins).mean() if len(prompts) else 1.0
        return np.asarray(0.5 + np.arctan(margins / (spread or 1.0)) / np.pi)


class Noisy(Good):
    """Draws anew at every call, the same in both orders."""

    calls = count()

    def score(self, prompts: Any, answers: Any, **columns: Any) -> Float:
        call = next(self.calls)
        return np.array([mark(call, *pair) for pair in zip(prompts, answers, strict=True)])


class Sorting(Good):
    """Changes what it is given."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        p = super().prefer(prompts, a, b)
        if isinstance(prompts, list):
            prompts.sort()
        return p


class Deaf(Good):
    """Takes a seed and does not use it."""

    def score(self, prompts: Any, answers: Any, **columns: Any) -> Float:
        return np.asarray(Good(0).score(prompts, answers))


class Lenient(Good):
    """Pairs texts as far as they go."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        k = min(len(prompts), len(a), len(b))
        return super().prefer(prompts[:k], a[:k], b[:k])


class Narrow(Good):
    """Takes no other columns."""

    def prefer(self, prompts: Any, a: Any, b: Any) -> Float:  # type: ignore[override]
        return super().prefer(prompts, a, b)


class Brittle(Good):
    """Cannot read an empty answer."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        for text in (*a, *b):
            text.split()[0]
        return super().prefer(prompts, a, b)


class Flipped(Good):
    """The sigmoid of the other difference."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        return super().prefer(prompts, b, a)


class Steep(Good):
    """Scores that are not in log-odds."""

    def prefer(self, prompts: Any, a: Any, b: Any, **columns: Any) -> Float:
        margins = self.score(prompts, a) - self.score(prompts, b)
        return np.asarray(1 / (1 + np.exp(-2 * margins)))


class Silent(Good):
    """Never says anything."""

    def score(self, prompts: Any, answers: Any, **columns: Any) -> Float:
        return np.full(len(super().score(prompts, answers)), np.nan)


BROKEN: list[tuple[type[Good], set[str], str]] = [
    (Single, {"values"}, "values are float32, expected a float64 array"),
    (Listing, {"values"}, "values are list, expected a float64 array"),
    (Column, {"values"}, "have shape (0, 1), expected (0,)"),
    (Margin, {"values"}, "expected one in [0, 1] or NaN"),
    (FirstPlace, {"complement"}, "P(a, b) and 1 - P(b, a): values differ by 0.02"),
    (FirstWinsTies, {"complement"}, "P(a, a) and 1/2: values differ by 0.5"),
    (OneSided, {"complement"}, "P(a, b) and 1 - P(b, a): the judge abstains on one side only"),
    (Standardised, {"single"}, "pairs alone and among others: values differ by"),
    (Noisy, {"repeated"}, "the same pairs asked twice: values differ by"),
    (Sorting, {"repeated"}, "prefer changes the lists it is given"),
    (Deaf, {"seeds"}, "another seed gives the same values"),
    (Lenient, {"lengths"}, "takes one prompt too few; raise a SpecError"),
    (Narrow, {"columns"}, "unexpected keyword argument 'source'"),
    (Brittle, {"odd_texts"}, "IndexError"),
    (Flipped, {"rewards"}, "prefer and the scores: values differ by"),
    (Steep, {"rewards"}, "prefer and the scores: values differ by"),
    (Silent, {"audited"}, "abstains on all 12 pairs, so nothing else is shown"),
]


def test_a_good_judge_passes_every_check() -> None:
    outcomes = run(Good, "good")
    assert set(failed(outcomes)) == {"name"}, "its module is this one"
    assert [each.name for each in outcomes if each.passed] == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize(
    ("kind", "checks", "reason"), BROKEN, ids=[kind.__name__ for kind, _, _ in BROKEN]
)
def test_a_broken_judge_fails_its_check(kind: type[Good], checks: set[str], reason: str) -> None:
    failures = failed(run(kind, "broken"))
    assert checks <= set(failures)
    assert any(reason in failures[check] for check in checks), failures


def test_every_check_of_an_instance_fails_once() -> None:
    shown = {check for _, checks, _ in BROKEN for check in checks}
    assert shown == {check.__name__ for check in CHECKS}


TASTE = '''
from dataclasses import dataclass
from llm.judges.longest import LongestJudge
@dataclass(frozen=True)
class {name}(LongestJudge):
    """{docstring}"""
'''


@pytest.fixture
def taste(tmp_path: Path) -> Callable[[str, str, str], Any]:
    def made(stem: str, name: str, docstring: str) -> Any:
        path = tmp_path / f"{stem}.py"
        path.write_text(TASTE.format(name=name, docstring=docstring), encoding="utf-8")
        return getattr(load_module(path), name)

    return made


def test_names_and_docstrings(taste: Any) -> None:
    good = taste("my_taste", "MyTasteJudge", "P(a, b) = 1 if a is longer.")
    assert failed(run(good)) == {}
    assert failed(run(good, "my_taste")) == {}
    for kind, name, reason in (
        (good, "your_taste", "registered as 'your_taste' but the module is called 'my_taste'"),
        (good, "my-taste", "not of the form my_taste"),
        (taste("plain", "Plain", "P."), "plain", "called Plain, expected PlainJudge"),
        (taste("mute", "MuteJudge", " "), "mute", "has no docstring"),
    ):
        assert reason in failed(run(kind, name))["name"]


def test_what_has_no_default_is_asked_for() -> None:
    class Needy(Good):
        def __init__(self, url: str, level: int) -> None: ...

    failures = failed(run(Needy, "needy", {"url": "u"}))
    assert failures["made"].startswith("needy(url=...) raises TypeError: ")
    assert failures["made"].endswith("; pass what has no default in `params`")


def test_the_bias_of_the_first_place_is_shown() -> None:
    reasons = {outcome.name: outcome.reason for outcome in run(FirstPlace, "first_place")}
    assert "abstains on 0 of 12; position bias +0.020" in reasons["audited"]
    prompts, a, b = ["q"] * 2, ["x", "y"], ["z", "w"]
    assert audit(FirstPlace(), prompts, a, b).position_bias == pytest.approx(0.02)
