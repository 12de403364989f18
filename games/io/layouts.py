"""Layouts of comparison tables: which columns say what was compared, who won, and by whom."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

FORMS = "left,right,winner or model_a,model_b,winner or chosen,rejected"
"""The columns that make a comparison table, for error messages."""

WEIGHTS = ("count", "weight", "n")
"""Columns of numbers that say how many comparisons a row stands for; several are multiplied."""

RATERS = (
    *("rater", "annotator", "judge", "user", "worker"),
    *("rater_id", "annotator_id", "judge_id", "user_id", "worker_id"),
)
"""Columns that say who compared; the first of them that a table has is read."""

PROMPTS = ("prompt", "instruction", "question", "history", "question_id", "prompt_id", "post_id")
"""Columns that say what was asked; the first of them that a table has is read."""

OUTCOMES = ("winner", "winner_*", "preference", "strength", "labels", "prob")
"""Ways to say who won; the first of them that a table has is read.

winner
    The name of a side or of an answer, or a tie.
winner_*
    A column of 0 and 1 for each side, and for ties if there are any.
preference
    As ``winner``, a probability that the first is preferred, or a number from 1 (the first) to
    2 (the second).
strength
    A number below 0 for the first, above 0 for the second.
labels
    1 if the first is preferred, 0 if the second is.
prob
    The probability that the first is preferred.
"""

PROBABILITIES = ("prob", "probability", "soft_label")
"""Columns of probabilities; the first of them that a table has is read."""

_NAMES = {"strength": ("preference_strength", "overall_preference"), "prob": PROBABILITIES}


@dataclass(frozen=True)
class Layout:
    """One way to say what was compared.

    Attributes
    ----------
    answers : two strings
        The columns of what was compared.
    sides : two strings
        What names the two in other columns, as in ``score_chosen`` and ``score_rejected``.
    outcomes : strings
        Those of ``OUTCOMES`` that may say who won; without them the first answer has won.
    shown : bool
        Whether the first answer is known to have been shown first.
    """

    answers: tuple[str, str]
    sides: tuple[str, str]
    outcomes: tuple[str, ...] = ("winner", "winner_*", "preference", "prob")
    shown: bool = True

    def groups(self, header: Collection[str]) -> dict[str, tuple[str, str]]:
        """Name -> its two columns, for each property that a table gives of both answers."""
        one, two = self.sides
        pairs: dict[str, tuple[str, str]] = {}
        for column in header:
            for mark in "_-":
                for name, partner in (
                    (column.removesuffix(mark + one), column.removesuffix(one) + two),
                    (column.removeprefix(one + mark), two + column.removeprefix(one)),
                ):
                    if name != column and partner in header:
                        pairs.setdefault(name, (column, partner))
        return pairs


LAYOUTS = (
    Layout(("left", "right"), ("left", "right")),
    Layout(("model_a", "model_b"), ("a", "b")),
    Layout(("response_a", "response_b"), ("a", "b")),
    Layout(("human_ref_a", "human_ref_b"), ("a", "b"), ("labels",)),
    Layout(("model_1", "model_2"), ("1", "2")),
    Layout(("output_1", "output_2"), ("1", "2"), ("preference", "winner", "prob")),
    Layout(("response_1", "response_2"), ("1", "2"), ("winner", "preference", "strength", "prob")),
    Layout(("chosen", "rejected"), ("chosen", "rejected"), (), shown=False),
)
"""Of those with the same sides, the first that a table fits is read."""


def fitting(header: Collection[str]) -> list[Layout]:
    """The layouts of which a table has all columns."""
    return [
        layout
        for layout in LAYOUTS
        if set(layout.answers) <= set(header)
        and (not layout.outcomes or outcome_of(layout, header))
    ]


def outcome_of(layout: Layout, header: Collection[str]) -> str:
    """How a table says who won, "" if it does not."""
    return next((name for name in layout.outcomes if said_by(name, layout, header)), "")


def said_by(outcome: str, layout: Layout, header: Collection[str]) -> tuple[str, ...]:
    """The columns of an outcome; none if the table lacks it."""
    if outcome == "winner_*":
        sides = tuple(f"winner_{answer}" for answer in layout.answers)
        tie = first_of(("winner_tie", "winner_draw"), header)
        return (*sides, *filter(None, [tie])) if set(sides) <= set(header) else ()
    name = first_of(_NAMES.get(outcome, (outcome,)), header)
    extra = first_of(PROBABILITIES, header) if outcome == "winner" else ""
    return tuple(filter(None, (name, extra))) if name else ()


def first_of(names: Sequence[str], header: Collection[str]) -> str:
    """The first of the names that a table has, "" if it has none."""
    return next((name for name in names if name in header), "")
