"""The style of figures: colour is the concept; marker and line distinguish its methods.

The colours are distinct for colour-blind readers, and in grey, where they are light, medium and
dark. Exact answers are large and hollow; algorithms and trained models are small and filled. No
other module names a colour.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 6.5
"""Width of a figure in inches, that of a page's column; the smallest font is 8 points."""

_LARGE, _SMALL = 6.5, 4.0
"""Diameters of a dot in points."""

_HEAD, _LINE, _ABOVE, _BELOW = 0.45, 0.17, 0.36, 0.42
"""Inches for the title with one line of the legend, for each further line of the legend, for the
titles of panels, and for tick labels with the axis label."""

_POINT, _HANDLE, _GAP = 1 / 72, 0.27, 0.16
"""Inches of a point, of the symbol of a legend entry, and between two entries."""

COLOURS = {"rlhf": "#E69F00", "nlhf": "#0072B2", "slhf": "#0B4134", "other": "#8A8A8A"}
GREY = "#666666"
FAINT = "#DDDDDD"
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

_SETTINGS: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 9,
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
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


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


@contextmanager
def settings() -> Iterator[None]:
    """A context with the settings for these figures; it restores the user's settings at its end."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # users' answers may be in any script
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)  # type: ignore[arg-type]  # its keys are literals
        yield


class Page:
    """A figure of the standard width with title and legend above its panels.

    Create and fill it within ``settings``.

    Parameters
    ----------
    title : str
    key : mapping
        Text -> artist of the legend; the legend takes as many lines as it needs.
    heights : float > 0
        Heights of its bands from top to bottom, in inches, below title and legend.
    """

    def __init__(self, title: str, key: Mapping[str, Any], *heights: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        columns = _columns(list(key))
        head = _HEAD + _LINE * (-(-len(key) // columns) - 1)
        self._ends = list(accumulate(heights, initial=head))
        self.figure = Figure(figsize=(WIDTH, self._ends[-1]))
        FigureCanvasAgg(self.figure)
        self.figure.legend(
            list(key.values()), list(key), loc="upper center", bbox_to_anchor=(0.5, 1.0),
            borderaxespad=0.2, ncols=columns, title=title,
        )  # fmt: skip

    def panels(
        self,
        band: int,
        lines: int,
        columns: int,
        left: float = 0.55,
        right: float = 0.12,
        gaps: tuple[float, float] = (0.25, 0.5),
    ) -> "NDArray[Any]":
        """An array (lines, columns) of axes in a band, with room for titles and tick labels.

        ``left``, ``right`` and ``gaps`` (horizontal, vertical) are in inches.
        """
        top, bottom = self._ends[band], self._ends[band + 1]
        width = (WIDTH - left - right - gaps[0] * (columns - 1)) / columns
        height = (bottom - top - _ABOVE - _BELOW - gaps[1] * (lines - 1)) / lines
        grid = self.figure.add_gridspec(
            lines,
            columns,
            left=left / WIDTH,
            right=1 - right / WIDTH,
            top=1 - (top + _ABOVE) / self._ends[-1],
            bottom=1 - (bottom - _BELOW) / self._ends[-1],
            wspace=gaps[0] / width,
            hspace=gaps[1] / height,
        )
        return grid.subplots(squeeze=False)


def text_width(words: str) -> float:
    """The width in inches of the words in the figures' font."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), words, size=8).get_extents().width) * _POINT


def _columns(words: Sequence[str]) -> int:
    """The largest number of columns in which a legend with these words fits on a page."""
    widths = [text_width(text) for text in words]
    for columns in range(len(words), 1, -1):
        taken = sum(max(part) for part in np.array_split(widths, columns))
        if taken + columns * _HANDLE + (columns - 1) * _GAP <= WIDTH - _GAP:
            return columns
    return 1


def save(figure: "Figure", stem: Path) -> list[Path]:
    """Write the figure as PNG, SVG and PDF and return the paths; equal figures give equal files."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    written = []
    with settings():
        for suffix, metadata in _METADATA.items():
            target = stem.with_name(f"{stem.name}.{suffix}")
            figure.savefig(target, dpi=200, metadata=metadata)
            written.append(target)
    return written
