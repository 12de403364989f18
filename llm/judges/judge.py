"""``Judge``, the interface of every judge, and the audit of abstentions and position bias.

A judge is any object with the method ``Judge.prefer``. Base classes are provided for judges with
scalar rewards (``ScalarJudge``) and for those that read two answers in an order
(``OrderedJudge``). The registry names a judge after its module: ``my_taste.py`` holds
``MyTasteJudge``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from games import numerics
from games.errors import SpecError
from games.game import TIE_TOL, Float

Texts = Sequence[str]


class Judge(Protocol):
    """Gives the probability that one answer is preferred to another."""

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that ``a[k]`` is preferred to ``b[k]`` as an answer to ``prompts[k]``.

        P(a, b) + P(b, a) = 1, P(a, a) = 1/2, and a pair's value depends neither on the other
        pairs nor on how often it is asked. NaN: the judge abstains, in both orders alike.

        Parameters
        ----------
        prompts, a, b : equally many strings
        columns : equally many values each
            Other columns of the data set, for judges that use one, such as a reference solution.

        Returns
        -------
        float64 array (len(prompts),) in [0, 1] or NaN

        Raises
        ------
        SpecError
            If the numbers of texts differ.
        """
        ...


JudgeFactory = Callable[..., Judge]
"""A judge class, or a function that returns a judge; the registry holds these."""


class ScalarJudge:
    """P(a, b) = sigmoid(score(a) - score(b)): Bradley-Terry, hence without cycles."""

    def score(self, prompts: Texts, answers: Texts, **columns: Sequence[Any]) -> Float:
        """Rewards, float64 array (len(prompts),), in log-odds; NaN where the judge abstains."""
        raise NotImplementedError

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b, from one call of ``score``."""
        require_pairs(self, prompts, a, b)
        scores = self.score([*prompts, *prompts], [*a, *b], **_twice(columns))
        ours, theirs = np.split(scores, 2)
        return np.asarray(numerics.sigmoid(ours - theirs))


class OrderedJudge:
    """P(a, b) = (p(a first, b second) + 1 - p(b first, a second)) / 2.

    p is the judge's probability that the answer shown first is preferred. The mean over both orders
    removes position bias. The judge abstains where it abstains in either order, because the other
    order alone would be biased.
    """

    def first_wins(
        self, prompts: Texts, first: Texts, second: Texts, **columns: Sequence[Any]
    ) -> Float:
        """Probabilities that the answer shown first is preferred, asked in this order only."""
        raise NotImplementedError

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b, from one call of ``first_wins``."""
        require_pairs(self, prompts, a, b)
        p = self.first_wins([*prompts, *prompts], [*a, *b], [*b, *a], **_twice(columns))
        forward, backward = np.split(p, 2)
        return np.asarray((forward + (1 - backward)) / 2)


@dataclass(frozen=True)
class Audit:
    """Abstentions and position bias of a judge on pairs that it judged in both orders.

    Attributes
    ----------
    pairs : int
        Number of pairs.
    abstained : int
        Number of pairs without a verdict in at least one order; they do not count below.
    position_bias : float in [-1, 1]
        Mean of p(a, b) + p(b, a) - 1: 1 if the first place always wins, -1 if the second does.
        NaN if all pairs were abstained on.
    same_verdict : float in [0, 1]
        Share of pairs with the same winner, or a tie, in both orders; NaN as above.
    """

    pairs: int
    abstained: int
    position_bias: float
    same_verdict: float


def audit(judge: Judge, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Audit:
    """Abstentions and position bias of a judge on these pairs.

    An ``OrderedJudge`` is audited before it averages over orders, which would hide the bias.
    """
    require_pairs(judge, prompts, a, b)
    ask = judge.first_wins if isinstance(judge, OrderedJudge) else judge.prefer
    forward, backward = ask(prompts, a, b, **columns), ask(prompts, b, a, **columns)
    judged = ~(np.isnan(forward) | np.isnan(backward))
    forward, backward = forward[judged], backward[judged]
    bias, agreement = forward + backward - 1, votes(forward) + votes(backward) == 1
    return Audit(judged.size, int((~judged).sum()), _mean(bias), _mean(agreement))


def votes(p: Float) -> Float:
    """1 where p is above 1/2, 0 where it is below, 1/2 within 1e-9 of it; NaN stays NaN."""
    return np.where(abs(p - 0.5) <= TIE_TOL, 0.5, np.where(np.isnan(p), np.nan, p > 0.5))


def share_won(ours: Float, theirs: Float) -> Float:
    """Mean over axis 0 of 1[ours > theirs] + 1[ours = theirs] / 2; NaN where one is NaN."""
    won = (ours > theirs) + 0.5 * (ours == theirs)
    missing = np.isnan(ours) | np.isnan(theirs)
    return np.asarray(np.where(missing, np.nan, won).mean(0))


COMPARISON = """\
Which of two answers to a message is better?

[Message]
{prompt}

[Answer A]
{a}

[Answer B]
{b}

Reply with one letter, A or B."""
"""Default question of the judges that read both answers."""


def require_template(judge: object, template: str) -> None:
    """Check that a template has the fields {prompt}, {a} and {b}, and no other.

    Raises
    ------
    SpecError
        If not; the message says which.
    """
    try:
        fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
    except ValueError as error:
        raise SpecError(f"{_name(judge)}: template: {error}; write {{{{ for a brace") from None
    if fields != {"prompt", "a", "b"}:
        raise SpecError(
            f"{_name(judge)}: template has the fields {sorted(fields)}, expected prompt, a and b, "
            "each in braces"
        )


def require_pairs(judge: object, prompts: Texts, *texts: Texts) -> None:
    """Check that there are as many texts of each kind as prompts.

    Raises
    ------
    SpecError
        If not, or if a single string is given where several are expected.
    """
    if any(isinstance(group, str) for group in (prompts, *texts)):
        raise SpecError(f"{_name(judge)}: got a single string, expected sequences of strings")
    counts = [len(group) for group in (prompts, *texts)]
    if len(set(counts)) > 1:
        others = " and ".join(map(str, counts[1:]))
        raise SpecError(f"{_name(judge)}: {counts[0]} prompts but {others} answers; give as many")


def _name(judge: object) -> str:
    return type(judge).__name__


def _twice(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return {name: [*values, *values] for name, values in columns.items()}


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")
