"""The contract of a judge: what every built-in one passes, as checks that anyone can run."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.conformance.outcome import DoesNotApply, Failed, Outcome, one_line, outcome
from games import numerics
from games.game import Float
from games.registry import camel_case, parameters
from llm.judges.judge import Judge, JudgeFactory, Texts, audit

PROMPTS = ("Say something about tea.", "Erzähl mir etwas über 茶 🍵")
ANSWERS = (
    "Tea is a drink.",
    "People have drunk tea for 5,000 years, and many still like it very much.",
    "No.",
    "Ja.",
)
ODD = (
    "",
    " ",
    "\n\n",
    "{prompt} {a} {b} {",
    "é",
    "e\u0301",
    "مرحبا 👩‍👩‍👧 \u200b",
    "\x00\x7f\\ \"'",
    "word " * 4_000,
)
"""Answers that a model may give, and that formats and tokenizers may stumble over."""

_EXACT = 1e-9
_ROUNDING = 1e-5
"""What batches of another shape may change in single precision."""


@dataclass(frozen=True)
class Case:
    """A judge and the questions that it is checked on."""

    kind: JudgeFactory
    params: Mapping[str, Any]
    judge: Judge
    prompts: Sequence[str]
    answers: Sequence[str]

    def another(self, **changes: Any) -> Judge:
        """A judge with the same parameters, but for these."""
        return self.kind(**{**self.params, **changes})

    def pairs(self) -> tuple[list[str], list[str], list[str]]:
        """Every prompt with every unordered pair of answers."""
        pairs = itertools.combinations(self.answers, 2)
        triples = [(prompt, a, b) for (a, b), prompt in itertools.product(pairs, self.prompts)]
        prompts, a, b = (list(column) for column in zip(*triples, strict=True))
        return prompts, a, b


def run(
    kind: JudgeFactory,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    prompts: Sequence[str] = PROMPTS,
    answers: Sequence[str] = ANSWERS,
) -> list[Outcome]:
    """Run every check of a judge class.

    Parameters
    ----------
    kind : judge class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    params : mapping, optional
        Its parameters, for those without a default.
    prompts, answers : sequences of at least 1 and 2 distinct str
        The texts that it is asked about, where it knows only some.
    """
    params = params or {}
    name = name or kind.__module__.rpartition(".")[2]
    outcomes = [outcome("name", partial(_name, kind, name))]
    try:
        judge = kind(**params)
    except Exception as error:  # a plugin may raise anything
        shown = ", ".join(f"{key}=..." for key in params)
        reason = f"{name}({shown}) raises {one_line(error)}; pass what has no default in `params`"
        return [*outcomes, Outcome("made", False, reason)]
    case = Case(kind, params, judge, prompts, answers)
    return [*outcomes, *(outcome(check.__name__, partial(check, case)) for check in CHECKS)]


def _name(kind: Any, name: str) -> None:
    expected = camel_case(name, "Judge")
    module = kind.__module__.rpartition(".")[2]
    if not (name.isidentifier() and name == name.lower()):
        raise Failed(f"the name {name!r} is not of the form my_taste")
    if module != name:
        raise Failed(f"registered as {name!r} but the module is called {module!r}")
    if kind.__name__ != expected:
        raise Failed(f"the class is called {kind.__name__}, expected {expected}")
    written = vars(kind).get("__doc__") or ""
    if not written.strip() or written.startswith(f"{kind.__name__}("):
        raise Failed("the class has no docstring; state the probability in its first line")


def values(case: Case) -> str:
    """Probabilities or NaN, one float64 a pair; no pairs, no values."""
    _require_values(case.judge.prefer([], [], []), 0)
    p = case.judge.prefer(*case.pairs())
    _require_values(p, len(case.pairs()[0]))
    return "" if np.isnan(p).all() else f"from {np.nanmin(p):.3g} to {np.nanmax(p):.3g}"


def complement(case: Case) -> None:
    """P(a, b) + P(b, a) = 1, with abstentions in both orders alike; P(a, a) = 1/2."""
    prompts, a, b = case.pairs()
    _require_complement(case.judge, prompts, a, b)
    same = case.judge.prefer(prompts, a, a)
    _require_same(same, np.where(np.isnan(same), same, 0.5), _EXACT, "P(a, a) and 1/2")


def single(case: Case) -> None:
    """A pair alone, or in another place among others, gets the same value."""
    prompts, a, b = case.pairs()
    together = case.judge.prefer(prompts, a, b)
    backwards = case.judge.prefer(prompts[::-1], a[::-1], b[::-1])[::-1]
    _require_same(together, backwards, _ROUNDING, "pairs in another order")
    alone = [case.judge.prefer([p], [x], [y]) for p, x, y in zip(prompts, a, b, strict=True)]
    _require_same(together, np.concatenate(alone), _ROUNDING, "pairs alone and among others")


def repeated(case: Case) -> None:
    """Asked again it says the same, as does another judge with the same parameters."""
    pairs = case.pairs()
    first = case.judge.prefer(*pairs)
    if pairs != case.pairs():
        raise Failed("prefer changes the lists it is given")
    _require_same(first, case.judge.prefer(*pairs), 0, "the same pairs asked twice")
    _require_same(first, case.another().prefer(*pairs), 0, "judges with the same parameters")


def lengths(case: Case) -> None:
    """Texts whose numbers differ are refused with a ValueError, not paired as far as they go."""
    prompts, a, b = case.pairs()
    for mistake, texts in (
        ("one prompt too few", (prompts[1:], a, b)),
        ("one answer too few", (prompts, a, b[1:])),
    ):
        try:
            case.judge.prefer(*texts)
        except ValueError:
            continue
        raise Failed(f"takes {mistake}; raise a SpecError (see require_pairs)")


def columns(case: Case) -> None:
    """Other columns of a data set may be handed over; tuples will do as well as lists."""
    prompts, a, b = case.pairs()
    p = case.judge.prefer(tuple(prompts), tuple(a), tuple(b), source=tuple(a))
    _require_same(case.judge.prefer(prompts, a, b), p, 0, "with another column")


def odd_texts(case: Case) -> str:
    """Empty, foreign and very long answers are judged by the same rules."""
    pairs = list(itertools.combinations((*ODD, *case.answers[:1]), 2))
    a, b = (list(column) for column in zip(*pairs, strict=True))
    prompts = [case.prompts[k % len(case.prompts)] for k in range(len(a))]
    p = _require_complement(case.judge, prompts, a, b)
    abstained = int(np.isnan(p).sum())
    return f"abstains on {abstained} of {len(p)}" if abstained else ""


def rewards(case: Case) -> None:
    """Where there are scores, P(a, b) = sigmoid(score(a) - score(b))."""
    score = getattr(case.judge, "score", None)
    if score is None:
        raise DoesNotApply("it has no scores")
    prompts, a, b = case.pairs()
    ours, theirs = score(prompts, a), score(prompts, b)
    for scores in (ours, theirs):
        _require_array("scores", scores, len(a))
        if np.isinf(scores).any():
            raise Failed("a score is infinite, expected a number or NaN")
    expected = np.asarray(numerics.sigmoid(ours - theirs))
    _require_same(expected, case.judge.prefer(prompts, a, b), _ROUNDING, "prefer and the scores")


def audited(case: Case) -> str:
    """It does not always abstain; reports its abstentions and position bias."""
    report = audit(case.judge, *case.pairs())
    if report.abstained == report.pairs:
        raise Failed(f"abstains on all {report.pairs} pairs, so nothing else is shown")
    return (
        f"abstains on {report.abstained} of {report.pairs}; "
        f"position bias {report.position_bias:+.3f}, "
        f"same verdict in both orders on {report.same_verdict:.0%}"
    )


def seeds(case: Case) -> None:
    """Another seed gives other values; for the same one see ``repeated``."""
    if "seed" not in parameters(case.kind):
        raise DoesNotApply("it has no seed")
    ours, theirs = (case.another(seed=seed).prefer(*case.pairs()) for seed in (0, 1))
    if np.array_equal(ours, theirs, equal_nan=True):
        raise Failed("another seed gives the same values")


def _require_array(what: str, p: Any, count: int) -> None:
    if not isinstance(p, np.ndarray) or p.dtype != np.float64:
        kind = getattr(p, "dtype", type(p).__name__)
        raise Failed(f"{what} are {kind}, expected a float64 array")
    if p.shape != (count,):
        raise Failed(f"{what} have shape {p.shape}, expected {(count,)}")


def _require_values(p: Any, count: int) -> None:
    _require_array("values", p, count)
    wrong = (p < 0) | (p > 1)
    if wrong.any():
        raise Failed(f"a value is {p[wrong][0]:.3g}, expected one in [0, 1] or NaN")


def _require_complement(judge: Judge, prompts: Texts, a: Texts, b: Texts) -> Float:
    forward, backward = judge.prefer(prompts, a, b), judge.prefer(prompts, b, a)
    for p in (forward, backward):
        _require_values(p, len(prompts))
    _require_same(forward, 1 - backward, _EXACT, "P(a, b) and 1 - P(b, a)")
    return forward


def _require_same(p: Float, q: Float, tol: float, what: str) -> None:
    if (np.isnan(p) != np.isnan(q)).any():
        raise Failed(f"{what}: the judge abstains on one side only")
    off = abs(p - q)[~np.isnan(p)].max(initial=0)
    if not off <= tol:
        raise Failed(f"{what}: values differ by {off:.2g}, expected at most {tol:g}")


CHECKS: tuple[Callable[[Case], str | None], ...] = (
    values,
    complement,
    single,
    repeated,
    seeds,
    lengths,
    columns,
    odd_texts,
    rewards,
    audited,
)
"""The checks that are made of every judge."""
