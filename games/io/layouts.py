"""Layouts of comparison tables: which columns say what was compared, who won, and by whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from games.errors import GameError
from games.registry import near

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

_NAMES = {
    "strength": ("preference_strength", "overall_preference"),
    "prob": ("prob", "probability", "soft_label"),
}
_ANSWERS = ("response", "completion", "answer", "output")
_RATINGS = ("rating", "score", "overall_score", "helpfulness")


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


@dataclass(frozen=True)
class Roles:
    """What the columns of one table are for.

    Attributes
    ----------
    layout : Layout
    outcome : str
        One of ``OUTCOMES``, or "" if the first answer has won.
    said_by : strings
        The columns of the outcome.
    labels : two strings
        The columns whose values are the answers of the game.
    group : str
        The name of the labels, or "" if they are the answers themselves.
    groups : mapping
        As ``Layout.groups``.
    prompt, rater : str
        The columns of the prompt and the rater, or "" if there is none.
    weights : strings
    """

    layout: Layout
    outcome: str
    said_by: tuple[str, ...]
    labels: tuple[str, str]
    group: str
    groups: Mapping[str, tuple[str, str]]
    prompt: str
    rater: str
    weights: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        named = (self.prompt, self.rater, *self.weights)
        return (*self.layout.answers, *self.labels, *self.said_by, *filter(None, named))


@dataclass(frozen=True)
class Ratings:
    """The columns of a table of rated answers, several for each prompt.

    Attributes
    ----------
    answer, rating, prompt : str
    rater : str
        "" if there is none.
    group : str
        The name of the answers, or "" if they are the answers themselves.
    """

    answer: str
    rating: str
    prompt: str
    rater: str
    group: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(filter(None, (self.prompt, self.answer, self.rating, self.rater)))


def is_comparisons(header: Collection[str]) -> bool:
    """Whether the columns are those of comparisons or ratings."""
    return bool(_fitting(header)) or ratings(header, None) is not None


def ratings(header: Collection[str], group_by: str | None) -> Ratings | None:
    """The columns of rated answers, if a table has them; the answers are models if it has those.

    Parameters
    ----------
    header : strings
    group_by : str, optional
        The column that names the answers instead.
    """
    answer = _first(("model", *_ANSWERS), header)
    rating, prompt = _first(_RATINGS, header), _first(PROMPTS, header)
    if not (answer and rating and prompt):
        return None
    if group_by is not None and group_by not in header:
        raise GameError(f"no column {group_by} for --group-by {group_by}{near(group_by, header)}")
    group = group_by or ("model" if answer == "model" else "")
    return Ratings(group or answer, rating, prompt, _first(RATERS, header), group)


def roles(header: Sequence[str], group_by: str | None) -> Roles:
    """What the columns are for.

    Parameters
    ----------
    header : strings
    group_by : str, optional
        The name of two columns whose values are the answers of the game; by default models, or
        generators, if the table has them, else the answers themselves.

    Raises
    ------
    GameError
        If they fit no layout or several, or a column is given twice.
    """
    fits = _fitting(header)
    listed = f"{', '.join(header)!r:.120}"
    if not fits:
        raise GameError(
            f"columns {listed} make no comparison table; expected {FORMS}{hint(header)}"
        )
    if len({layout.sides for layout in fits}) > 1:
        raise GameError(f"columns {listed} fit more than one of {FORMS}; keep one of them")
    layout = fits[0]
    groups = layout.groups(header)
    if group_by is not None and group_by not in groups:
        one, two = layout.sides
        raise GameError(
            f"no columns {group_by}_{one} and {group_by}_{two} for --group-by {group_by}"
            + (near(group_by, groups) if groups else "; the file has no such pair of columns")
        )
    group = _first(("model", "generator"), groups) if group_by is None else group_by
    labels = groups[group] if group else layout.answers
    found = _outcome(layout, header) or ("prob" if _first(_NAMES["prob"], header) else "")
    chosen = Roles(
        layout,
        found,
        _said_by(found, layout, header),
        labels,
        group if labels != layout.answers else "",
        groups,
        _first(PROMPTS, header),
        _first(RATERS, header),
        tuple(name for name in WEIGHTS if name in header),
    )
    if any(list(header).count(column) > 1 for column in chosen.columns):
        raise GameError(f"columns {listed} repeat a name; rename one of them")
    return chosen


def not_read(numeric: Collection[str], used: Roles | Ratings) -> list[str]:
    """The columns of numbers that are neither read nor a property that may be grouped by."""
    known = set(used.columns)
    if isinstance(used, Roles):
        known |= set(chain.from_iterable(used.groups.values()))
    return [name for name in numeric if name not in known]


def hint(header: Sequence[str]) -> str:
    """How the columns of a table that fits no layout might be renamed; "" if nothing is like it."""
    best: list[tuple[str, str]] = []
    for layout in LAYOUTS:
        wanted = [*layout.answers, *(["winner"] if layout.outcomes else [])]
        lacking = [name for name in wanted if name not in header]
        if 2 * len(lacking) < len(wanted) or (len(lacking) == 1 and len(wanted) == 2):
            free = [name for name in header if name and name not in wanted]
            likely = [(_like(name, free), name) for name in lacking]
            if all(one for one, _ in likely) and (not best or len(likely) < len(best)):
                best = likely
    return "".join(f"; rename {one} to {name}" for one, name in best)


def _like(name: str, free: Sequence[str]) -> str:
    from difflib import get_close_matches

    alike = {"winner": ("outcome", "result", "label", "choice", "vote", "winning"), "rejected": ()}
    close = get_close_matches(name, free, 1, 0.6)
    return next(iter([*close, *(word for word in alike.get(name, ()) if word in free)]), "")


def _fitting(header: Collection[str]) -> list[Layout]:
    return [
        layout
        for layout in LAYOUTS
        if set(layout.answers) <= set(header) and (not layout.outcomes or _outcome(layout, header))
    ]


def _outcome(layout: Layout, header: Collection[str]) -> str:
    return next((name for name in layout.outcomes if _said_by(name, layout, header)), "")


def _said_by(outcome: str, layout: Layout, header: Collection[str]) -> tuple[str, ...]:
    """The columns of an outcome; none if the table lacks it."""
    if outcome == "winner_*":
        sides = tuple(f"winner_{answer}" for answer in layout.answers)
        tie = _first(("winner_tie", "winner_draw"), header)
        return (*sides, *filter(None, [tie])) if set(sides) <= set(header) else ()
    name = _first(_NAMES.get(outcome, (outcome,)), header)
    extra = _first(_NAMES["prob"], header) if outcome == "winner" else ""
    return tuple(filter(None, (name, extra))) if name else ()


def _first(names: Sequence[str], header: Collection[str]) -> str:
    return next((name for name in names if name in header), "")
