"""How figures look: one colour, marker and hatch a concept, everywhere.

The colours keep apart for colour-blind readers and in grey, where they are light, middle and dark.
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
"""Inches: a page's column, in which the smallest letters are 8 points."""

_HEAD, _LINE, _ABOVE, _BELOW = 0.45, 0.17, 0.36, 0.42
"""Inches for the title and one line of the legend, for each more line of it, for the panels'
titles, for tick labels and the axis' name."""

_POINT, _HANDLE, _GAP = 1 / 72, 0.27, 0.16
"""Inches of a point, of an entry of the legend beside its words, between two entries."""

COLOURS = {"rlhf": "#E69F00", "nlhf": "#0072B2", "slhf": "#0B4134", "other": "#8A8A8A"}
GREY = "#666666"
FAINT = "#DDDDDD"

_MARKERS = {"rlhf": "sDPX", "nlhf": "oh8H", "slhf": "^v<>", "other": "*dp+"}
_LINES = ("-", "--", ":", "-.")
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
    "lines.markersize": 4.5,
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
class Look:
    """Colour of the concept; marker and line tell apart several methods of one concept."""

    colour: str
    marker: str
    line: str
    hatch: str


def looks(rows: pd.DataFrame) -> dict[str, Look]:
    """The look of every method in ``rows``, concept by concept."""
    out: dict[str, Look] = {}
    met = dict.fromkeys(COLOURS, 0)
    pairs = rows[["concept", "method"]].drop_duplicates().astype(str)
    order = {concept: i for i, concept in enumerate(COLOURS)}
    for concept, method in sorted(pairs.itertuples(index=False), key=lambda p: (order[p[0]], p[1])):
        k = met[concept] % len(_LINES)
        met[concept] += 1
        colour, hatch = COLOURS[concept], _HATCHES[concept]
        out[str(method)] = Look(colour, _MARKERS[concept][k], _LINES[k], hatch)
    return out


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings for drawing and saving our figures; the user's own come back after."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # users' answers may be in any script
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)  # type: ignore[arg-type]  # its keys are literals
        yield


class Page:
    """A figure of the standard width with title and legend above its panels; within ``settings``.

    Parameters
    ----------
    title : str
    key : mapping
        Words -> what they stand for, an artist; as many lines of the legend as they need.
    heights : float > 0
        Of its bands from top to bottom, in inches, below title and legend.
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
        apart: tuple[float, float] = (0.25, 0.5),
    ) -> "NDArray[Any]":
        """Axes (lines, columns) in a band, with room for titles above and tick labels below.

        ``left``, ``right`` and ``apart`` (across, down) are inches.
        """
        top, bottom = self._ends[band], self._ends[band + 1]
        width = (WIDTH - left - right - apart[0] * (columns - 1)) / columns
        height = (bottom - top - _ABOVE - _BELOW - apart[1] * (lines - 1)) / lines
        grid = self.figure.add_gridspec(
            lines,
            columns,
            left=left / WIDTH,
            right=1 - right / WIDTH,
            top=1 - (top + _ABOVE) / self._ends[-1],
            bottom=1 - (bottom - _BELOW) / self._ends[-1],
            wspace=apart[0] / width,
            hspace=apart[1] / height,
        )
        return grid.subplots(squeeze=False)


def text_width(words: str) -> float:
    """Inches that the words take in the figures' font."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), words, size=8).get_extents().width) * _POINT


def _columns(words: Sequence[str]) -> int:
    """The most columns in which the words of a legend fit on a page, filled one by one."""
    widths = [text_width(text) for text in words]
    for columns in range(len(words), 1, -1):
        taken = sum(max(part) for part in np.array_split(widths, columns))
        if taken + columns * _HANDLE + (columns - 1) * _GAP <= WIDTH - _GAP:
            return columns
    return 1


def save(figure: "Figure", stem: Path) -> list[Path]:
    """The figure as PNG, SVG and PDF; equal figures give equal files."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    written = []
    with settings():
        for suffix, metadata in _METADATA.items():
            target = stem.with_name(f"{stem.name}.{suffix}")
            figure.savefig(target, dpi=200, metadata=metadata)
            written.append(target)
    return written
