"""Reads figures for tests: where dots are, and whether texts are on the page and legible."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from results import style
from results.questions.section import Section


def assert_texts_on_page(figure: Figure) -> None:
    """None too small, none cut off, none raw markup."""
    with style.settings():
        figure.canvas.draw()
    least = 8 if figure.get_figwidth() >= style.COLUMN else 7
    page, hidden = figure.bbox, _beyond(figure)
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text not in hidden and text.get_text():
            assert "$" not in text.get_text()
            assert float(text.get_fontsize()) >= least
            box = text.get_window_extent()
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, text.get_text()
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, text.get_text()


def assert_titles_and_ticks_do_not_overlap(figure: Figure) -> None:
    """No title, axis name, tick label or legend lies over another."""
    with style.settings():
        figure.canvas.draw()
    texts = [axes.title for axes in figure.axes]
    for axes in figure.axes:
        texts += [axes.xaxis.label, axes.yaxis.label]
        texts += [t for a in (axes.xaxis, axes.yaxis) for t in a.get_ticklabels()]
    hidden = _beyond(figure)
    shown = [t for t in texts if t.get_text() and t not in hidden]
    boxes = [(t.get_text(), t.get_window_extent()) for t in shown]
    boxes += [("legend", legend.get_window_extent()) for legend in figure.legends]
    for (one, a), (two, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one, two)


def _beyond(figure: Figure) -> set[Text]:
    """The labels of ticks outside the range of their axis, which are not drawn."""
    labels = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        labels |= {tick.label1 for tick in ticks}
    return labels


def drawn(section: Section, frame: pd.DataFrame) -> Figure:
    """The figure of a section's first view."""
    assert section.figure is not None
    first, *_ = section.views(section.rows(frame)).values()
    figure = section.figure(first)
    assert figure is not None
    with style.settings():
        figure.canvas.draw()
    return figure


def dots(axes: Axes, colour: str, marker: str) -> list[float]:
    """Horizontal positions of the dots of a colour and marker."""
    return [
        float(np.asarray(line.get_xdata())[0])
        for line in axes.lines
        if to_hex(line.get_color()) == colour.lower() and line.get_marker() == marker
    ]
