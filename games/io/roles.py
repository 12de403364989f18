"""What the columns of one comparison table are for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from games.errors import GameError
from games.io.layouts import (
    FORMS,
    LAYOUTS,
    PROBABILITIES,
    PROMPTS,
    RATERS,
    WEIGHTS,
    Layout,
    first_of,
    fitting,
    outcome_of,
    said_by,
)
from games.registry import near

_ANSWERS = ("response", "completion", "answer", "output")
_RATINGS = ("rating", "score", "overall_score", "helpfulness")


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
    return bool(fitting(header)) or ratings(header, None) is not None


def ratings(header: Collection[str], group_by: str | None) -> Ratings | None:
    """The columns of rated answers, if a table has them; the answers are models if it has those.

    Parameters
    ----------
    header : strings
    group_by : str, optional
        The column that names the answers instead.
    """
    if fitting(header):  # who was preferred is said; a rating beside it is no comparison
        return None
    answer = first_of(("model", *_ANSWERS), header)
    rating, prompt = first_of(_RATINGS, header), first_of(PROMPTS, header)
    if not (answer and rating and prompt):
        return None
    if group_by is not None and group_by not in header:
        raise GameError(f"no column {group_by} for --group-by {group_by}{near(group_by, header)}")
    group = group_by or ("model" if answer == "model" else "")
    return Ratings(group or answer, rating, prompt, first_of(RATERS, header), group)


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
    fits = fitting(header)
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
    group = first_of(("model", "generator"), groups) if group_by is None else group_by
    labels = groups[group] if group else layout.answers
    found = outcome_of(layout, header) or ("prob" if first_of(PROBABILITIES, header) else "")
    chosen = Roles(
        layout,
        found,
        said_by(found, layout, header),
        labels,
        group if labels != layout.answers else "",
        groups,
        first_of(PROMPTS, header),
        first_of(RATERS, header),
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
