"""The style of figures: colour is the concept; marker and line distinguish its methods.

The colours are distinct for colour-blind readers, and in grey, where they are light, medium and
dark. Exact answers are large and hollow; algorithms and trained models are small and filled. No
other module names a colour.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pandas as pd

WIDTH = 6.5
"""Width of a figure in inches, that of a page; the smallest font is 8 points."""

COLUMN = 4.5
"""A figure narrower than this stands in a column of text; its smallest font is 7 points."""

_LARGE, _SMALL = 6.5, 4.0
"""Diameters of a dot in points."""

_width: ContextVar[float] = ContextVar("width", default=WIDTH)

COLOURS = {"rlhf": "#E69F00", "nlhf": "#0072B2", "slhf": "#0B4134", "other": "#8A8A8A"}
GREY = "#666666"
FAINT = "#DDDDDD"
BLACK = "#222222"
WHITE = "#FFFFFF"

MARKERS = {"rlhf": "sDPX*pv<", "nlhf": "oD*PXsv^", "slhf": "^v<>XP*D", "other": "*dpX<>oP"}
"""Markers of a concept's first eight methods; from the ninth on the marker is a letter."""

_LETTERS = "ABCDEFGHJKLMNQRTUWYZ"

LINES: tuple[Any, ...] = (
    "-",
    "--",
    ":",
    "-.",
    (0, (8, 2)),
    (0, (4, 1, 1, 1, 1, 1)),
    (0, (1, 3)),
    (0, (8, 2, 2, 2)),
)
_HATCHES = {"rlhf": "", "nlhf": "//////", "slhf": "xxxxxx", "other": "......"}

MAP = "Greys"
"""Map of matplotlib for values in [0, 1]: a larger value is darker."""

_SETTINGS: dict[str, Any] = {
    "figure.titlesize": 9,
    "legend.columnspacing": 1.4,
    "legend.handletextpad": 0.4,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,  # users' answers may hold dollar signs
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": _SMALL,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "prefgames",
}
_SIZES = (
    *("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"),
    "legend.fontsize",
)


@dataclass(frozen=True)
class MethodStyle:
    """How one method is drawn.

    Attributes
    ----------
    colour, hatch : str
        Colour and hatch of its concept.
    marker, line : marker and line style of matplotlib
        They distinguish the method within its concept.
    exact : bool
        Whether an exact solver computed its answers.
    """

    colour: str
    marker: Any
    line: Any
    hatch: str
    exact: bool = False

    def dot(self, part: bool = False) -> dict[str, Any]:
        """Arguments of ``Axes.plot`` for a dot, half filled if only part of the values exist."""
        filled = self.colour if part or not self.exact else WHITE
        letter = {} if isinstance(self.marker, str) else {"markeredgewidth": 0.2}
        large = self.exact or bool(letter)
        return {
            **letter,
            "color": self.colour,
            "marker": self.marker,
            "markersize": _LARGE if large else _SMALL,
            "markerfacecolor": filled,
            "markerfacecoloralt": WHITE,
            "fillstyle": "bottom" if part else "full",
            "linestyle": "",
        }

    def curve(self) -> dict[str, Any]:
        """Arguments of ``Axes.plot`` for a curve with dots."""
        return {**self.dot(), "linestyle": self.line}


def method_styles(rows: pd.DataFrame) -> dict[str, MethodStyle]:
    """The style of every method in described ``rows``, ordered by concept and name."""
    out: dict[str, MethodStyle] = {}
    counts = dict.fromkeys(COLOURS, 0)
    keys = ["concept", "method", "solver", "scale"]
    kinds = rows[keys].drop_duplicates(["concept", "method"]).astype(str)
    order = {concept: i for i, concept in enumerate(COLOURS)}
    ranked = sorted(kinds.itertuples(index=False), key=lambda kind: (order[kind[0]], kind[1]))
    for concept, method, solver, scale in ranked:
        k = counts[concept]
        counts[concept] += 1
        out[method] = MethodStyle(
            colour=COLOURS[concept],
            marker=_marker(concept, k),
            line=LINES[k % len(LINES)],
            hatch=_HATCHES[concept],
            exact=solver == f"{concept}_exact" and scale == "tabular",
        )
    return out


def _marker(concept: str, k: int) -> Any:
    """The marker of a concept's k-th method."""
    if k < len(MARKERS[concept]):
        return MARKERS[concept][k]
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    letter = TextPath((0, 0), _LETTERS[(k - len(MARKERS[concept])) % len(_LETTERS)], size=1)
    box = letter.get_extents()
    middle = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    return Outline(letter.vertices - middle, letter.codes)


def width() -> float:
    """The width in inches of the figures that are drawn now."""
    return _width.get()


@contextmanager
def of_width(inches: float) -> Iterator[None]:
    """A context in which figures are drawn that wide, instead of ``WIDTH``."""
    before = _width.set(inches)
    try:
        yield
    finally:
        _width.reset(before)


@contextmanager
def settings() -> Iterator[None]:
    """A context with the settings for these figures; it restores the user's settings at its end."""
    import matplotlib

    points = 7 if width() < COLUMN else 8

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # users' answers may be in any script
        matplotlib.rcdefaults()
        sizes = dict.fromkeys(_SIZES, points) | {"legend.title_fontsize": points + 1}
        matplotlib.rcParams.update(_SETTINGS | sizes)  # type: ignore[arg-type]  # keys are literals
        yield
