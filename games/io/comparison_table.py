"""Comparison tables: which columns say who was compared, who won, and more about each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from games.errors import GameError

Rows = Iterator[tuple[int, tuple[str, ...]]]
"""For each row, its place in the file and its cells."""

FORMS = "left,right,winner or model_a,model_b,winner or chosen,rejected"
"""The columns that make a comparison table, for error messages."""


@dataclass(frozen=True)
class Table:
    """A comparison table that is read once, row by row.

    Attributes
    ----------
    unit : str
        What a place in the file is called: "line", "record" or "row".
    header : strings
        Names of the columns.
    rows : callable
        The cells of the columns it is given, as text, row by row.
    """

    unit: str
    header: Sequence[str]
    rows: Callable[[tuple[str, ...]], Rows]


@dataclass(frozen=True)
class Form:
    """One way to write comparisons.

    ``outcomes`` maps what the column "winner" may say to the share of the win that goes to the
    first answer; without it there is no such column, and the first answer has won.
    """

    answers: tuple[str, str]
    sides: tuple[str, str]
    outcomes: Mapping[str, float]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table of this form must have."""
        return (*self.answers, "winner") if self.outcomes else self.answers

    def groups(self, header: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Name -> its two columns, for each property that a table gives of both answers."""
        one, two = self.sides
        pairs: dict[str, tuple[str, str]] = {}
        for column in header:
            for name, partner in (
                (column.removesuffix(f"_{one}"), column.removesuffix(one) + two),
                (column.removeprefix(f"{one}_"), two + column.removeprefix(one)),
            ):
                if name != column and partner in header:
                    pairs.setdefault(name, (column, partner))
        return pairs


_FORMS = (
    Form(("left", "right"), ("left", "right"), {"left": 1.0, "right": 0.0, "tie": 0.5}),
    Form(
        ("model_a", "model_b"),
        ("a", "b"),
        {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5},
    ),
    Form(("chosen", "rejected"), ("chosen", "rejected"), {}),
)


def is_comparisons(header: Sequence[str]) -> bool:
    """Whether the columns are those of a comparison table."""
    return any(set(form.columns) <= set(header) for form in _FORMS)


def form_of(header: Sequence[str]) -> Form:
    """The form that the columns fit.

    Raises
    ------
    GameError
        If they fit none or several, or a column is given twice.
    """
    fits = [form for form in _FORMS if set(form.columns) <= set(header)]
    listed = f"{', '.join(header)!r:.120}"
    if not fits:
        raise GameError(f"columns {listed} make no comparison table; expected {FORMS}")
    if len(fits) > 1:
        raise GameError(f"columns {listed} fit more than one of {FORMS}; keep one of them")
    named = [column for column in header if column]
    if len(set(named)) < len(named):
        raise GameError(f"columns {listed} repeat a name; rename one of them")
    return fits[0]
