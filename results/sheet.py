"""The sheet of a figure: its width, title and legend, bands of panels below them, and its files."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

FORMATS = ("svg", "pdf", "png")

_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_LETTER = 0.0083
"""Mean width of a letter, in inches for each point of its size."""

_PAD = 0.03
_DPI = 200


class Sheet:
    """A figure of the current width with title and legend above bands of panels.

    Create and fill it within ``style.settings``. What lies where is left to matplotlib's
    constrained layout; each band is a subfigure.

    Parameters
    ----------
    title : str
        One message; it is broken into lines that fit.
    key : mapping
        Text -> artist of the legend; the legend takes as many lines as it needs.
    heights : float > 0
        Heights of the bands from top to bottom, in inches.
    """

    def __init__(self, title: str, key: Mapping[str, Any], *heights: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        width = style.width()
        self.figure = Figure(figsize=(width, sum(heights)), layout="constrained")
        FigureCanvasAgg(self.figure)
        engine: Any = self.figure.get_layout_engine()
        engine.set(w_pad=_PAD, h_pad=_PAD, wspace=0.04, hspace=0.04)
        head = _legend(self.figure, title, key)
        self.figure.set_figheight(sum(heights) + head)
        self.bands = self.figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)

    def heading(self, band: int, words: str) -> None:
        """Write a heading above the panels of a band."""
        import matplotlib

        size = matplotlib.rcParams["font.size"]
        self.bands[band, 0].suptitle(_in_lines(words, size), fontsize=size, fontweight="bold")

    def panels(self, band: int, lines: int, columns: int, **of_subplots: Any) -> "NDArray[Any]":
        """An array (lines, columns) of axes in a band."""
        grid: NDArray[Any] = self.bands[band, 0].subplots(
            lines, columns, squeeze=False, **of_subplots
        )
        return grid

    def some_panels(self, band: int, number: int, columns: int) -> list[Any]:
        """So many axes in a band, from left to right and from top to bottom."""
        grid = list(self.panels(band, -(-number // columns), columns).flat)
        for axes in grid[number:]:
            axes.remove()
        return grid[:number]


def fitting(number: int, least: float, beside: float = 0.0) -> int:
    """How many of that number of panels of at least ``least`` inches fit side by side, at least 1.

    ``beside`` are the inches that labels take on the left.
    """
    columns = max(1, min(number, int((style.width() - beside) / least)))
    lines = -(-number // columns)
    return -(-number // lines) if number else 1


def wrapped(text: str, letters: int) -> str:
    """The text in even lines of at most so many letters; a line break in it stays."""
    return "\n".join(part for line in text.split("\n") for part in _even(line, letters))


def _even(line: str, letters: int) -> list[str]:
    """The line in as few lines as need be, none much shorter than the others."""
    parts = shortest = textwrap.wrap(line, letters)
    longest = max(map(len, line.split()), default=0)  # no word is broken to even lines out
    while len(shortest) == len(parts) > 1 and letters > longest:
        parts, letters = shortest, letters - 1
        shortest = textwrap.wrap(line, letters)
    return shortest if len(shortest) == len(parts) else parts


def save(figure: "Figure", stem: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Write the figure in these formats and return the paths; equal figures give equal files."""
    from matplotlib.backend_bases import get_registered_canvas_class

    stem.parent.mkdir(parents=True, exist_ok=True)
    written = []
    layout = figure.get_layout_engine()
    with style.settings():
        if layout is not None:  # once, whatever the number of formats; savefig draws twice more
            layout.execute(figure)
            figure.set_layout_engine("none")
        for suffix in formats:
            target = stem.with_name(f"{stem.name}.{suffix}")
            canvas: Any = get_registered_canvas_class(suffix)(figure)
            figure.set_dpi(_DPI)  # vector formats leave another behind
            getattr(canvas, f"print_{suffix}")(target, metadata=_METADATA[suffix])
            written.append(target)
    return written


def _in_lines(words: str, size: float) -> str:
    """The words in lines that fit on the sheet in letters of that size."""
    return wrapped(words, int(style.width() / (_LETTER * size)))


def _legend(figure: "Figure", title: str, key: Mapping[str, Any]) -> float:
    """Write title and legend on top, in as many columns as fit; return their height in inches."""
    import matplotlib

    title = _in_lines(title, matplotlib.rcParams["legend.title_fontsize"])
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # of Agg
    columns = max(1, len(key))
    while True:
        legend = figure.legend(
            list(key.values()), list(key), loc="outside upper center", ncols=columns,
            title=title, borderaxespad=0.2, alignment="center",
        )  # fmt: skip
        box = legend.get_window_extent(renderer)
        if box.width <= figure.bbox.width or columns == 1:
            legend.get_title().set_multialignment("center")
            return float(box.height / figure.dpi) + 2 * _PAD
        legend.remove()
        columns -= 1
