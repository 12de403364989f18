"""What a judge is, and how often it abstains and favours a place.

A judge is anything that can be called like ``Judge.prefer``. It has a parent here if its verdicts
come from scalar rewards (``ScalarJudge``), or if it reads two answers in some order
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
    """Who says how likely one answer is preferred to another."""

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that ``a[k]`` is preferred to ``b[k]`` as an answer to ``prompts[k]``.

        P(a, b) + P(b, a) = 1, P(a, a) = 1/2, and a pair's value depends neither on the other
        pairs nor on how often it is asked. NaN: the judge abstains, in both orders alike.

        Parameters
        ----------
        prompts, a, b : equally many strings
        columns : equally many values each
            Other columns of the data set, for judges that read one, such as a known solution.

        Returns
        -------
        float64 array (len(prompts),) in [0, 1] or NaN

        Raises
        ------
        SpecError
            If the numbers of texts differ.
        """
        ...


Maker = Callable[..., Judge]
"""What the registry holds: called with its parameters, it gives a judge."""


class ScalarJudge:
    """P(a, b) = sigmoid(score(a) - score(b)): Bradley-Terry, so never a cycle."""

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

    p is what the judge says of the answer in the first place. Asking in both orders takes out
    what it gives to a place; it abstains where it abstains in either order, because one order
    alone would let that back in.
    """

    def first_wins(
        self, prompts: Texts, first: Texts, second: Texts, **columns: Sequence[Any]
    ) -> Float:
        """Probabilities that the answer shown first is preferred, asked in this order only."""
        raise NotImplementedError

    def prefer(self, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Float:
        """Probabilities that a is preferred to b, from one call of ``first_wins``."""
        require_pairs(self, prompts, a, b)
        once = self.first_wins([*prompts, *prompts], [*a, *b], [*b, *a], **_twice(columns))
        there, back = np.split(once, 2)
        return np.asarray((there + (1 - back)) / 2)


@dataclass(frozen=True)
class Audit:
    """How a judge behaved on some pairs, each asked in both orders.

    Attributes
    ----------
    pairs : int
        How many it was asked.
    abstained : int
        On how many it gave no verdict in at least one order; the rest are left out below.
    position_bias : float in [-1, 1]
        Mean of p(a, b) + p(b, a) - 1: 1 if the first place always wins, -1 if the second does.
        NaN if no pair is left.
    same_verdict : float in [0, 1]
        Share of pairs with the same answer above 1/2, or a tie, in both orders; NaN likewise.
    """

    pairs: int
    abstained: int
    position_bias: float
    same_verdict: float


def audit(judge: Judge, prompts: Texts, a: Texts, b: Texts, **columns: Sequence[Any]) -> Audit:
    """Abstentions and position bias of a judge on these pairs.

    An ``OrderedJudge`` is measured before it averages its orders: afterwards no bias can be seen.
    """
    require_pairs(judge, prompts, a, b)
    ask = judge.first_wins if isinstance(judge, OrderedJudge) else judge.prefer
    there, back = ask(prompts, a, b, **columns), ask(prompts, b, a, **columns)
    seen = ~(np.isnan(there) | np.isnan(back))
    there, back = there[seen], back[seen]
    bias, agreement = there + back - 1, votes(there) + votes(back) == 1
    return Audit(seen.size, int((~seen).sum()), _mean(bias), _mean(agreement))


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
"""The question of the judges that read both answers, unless they are given another."""


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
        told = " and ".join(map(str, counts[1:]))
        raise SpecError(f"{_name(judge)}: {counts[0]} prompts but {told} answers; give as many")


def _name(judge: object) -> str:
    return type(judge).__name__


def _twice(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return {name: [*values, *values] for name, values in columns.items()}


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")
