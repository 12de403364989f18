"""What a question of a report is made of; everything here is data, nothing is text for a page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from results.frames import (
    Labels,
    comparison_in,
    comparisons_to_show,
    describe,
    describe_by_comparison,
    expand,
    measured,
    select_comparison,
)
from results.metrics import METRICS
from results.rows import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"
"""The method of rows whose value is the same for every method."""


@dataclass(frozen=True)
class Column:
    """A column of a table; the one place that says how it is called, read, computed and shown.

    Attributes
    ----------
    name : str
        Of a metric, or of a column that ``value`` computes.
    text : str
        What it means; left out, the formula of the metric of that name.
    value : callable, optional
        What the rows of a line give.
    shown : bool
        Whether pages show it, or only the file.
    panel : str
        Title of its panel in the question's figure; "" if it has none.
    top : float or None
        Where the axis of that panel ends; None: where the values do.
    """

    name: str
    text: str = ""
    value: Callable[[Any], Any] | None = None
    shown: bool = True
    panel: str = ""
    top: float | None = 1.0

    @property
    def meaning(self) -> str:
        """``text``, or the formula of the metric."""
        return self.text or METRICS[self.name].formula


@dataclass(frozen=True)
class Table:
    """A table of a question.

    Attributes
    ----------
    name : str
        Of its file.
    make : callable
        All rows of the question -> the table in full; empty if they hold nothing for it.
    columns : sequence of Column
        Those that are no key; a name that ends in "*" stands for every name that begins so.
    digest : callable, optional
        Rows of a view -> what a page shows of it; by default the table in full.
    shown : bool
        Whether pages show it, or only the file.
    absent : str
        Why the table is empty, where that is worth saying.
    """

    name: str
    make: Callable[[pd.DataFrame], pd.DataFrame]
    columns: tuple[Column, ...]
    digest: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    shown: bool = True
    absent: str = ""


@dataclass(frozen=True)
class View:
    """What a page shows of some rows of a question.

    Attributes
    ----------
    comparison : str
        Of these rows, "tau = 0.1" or the like; "" where the view is of all rows.
    figure : str
        What the figure of these rows is called.
    findings : list of str
        Sentences.
    tables : mapping of str to DataFrame
        Table name -> what is shown of it; may be empty.
    """

    comparison: str
    figure: str
    findings: list[str]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Contents:
    """What a run says on a question: its views, and its tables in full by name."""

    views: list[View]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Section:
    """A question: which rows it asks for, what is told of them, how to read it, what to expect.

    Attributes
    ----------
    name : str
        Of the question, and of its figure.
    title : str
        The question as a reader would ask it.
    reading, expected : str
        How to read its tables; what papers, or derivations for these games, say.
    findings : callable
        Rows of a view -> sentences, all computed.
    tables : sequence of Table
    figure : callable, optional
        Rows of a view -> figure; None if they hold nothing to draw.
    experiment : str
        Whose rows it reads; by default the one of its name.
    scale : str
        Of these rows; "": all.
    steps : bool or None
        True: points of curves; False: answers; None: both.
    labels : mapping
        Columns that are read from the labels.
    arrange : callable, optional
        Last change of the rows.
    compared : bool
        Whether methods are compared at equal weights: a view is then one comparison, and of
        several those are shown that it takes to show every method. Otherwise a method is followed
        over all of them in one view.
    """

    name: str
    title: str
    reading: str
    expected: str
    findings: Callable[[pd.DataFrame], list[str]]
    tables: tuple[Table, ...]
    figure: "Callable[[pd.DataFrame], Figure | None] | None" = None
    experiment: str = ""
    scale: str = ""
    steps: bool | None = None
    labels: Mapping[str, Callable[[Labels], str | float]] = field(default_factory=dict)
    arrange: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    compared: bool = False

    def has_rows(self, frame: pd.DataFrame) -> bool:
        """Whether the frame that ``results.load`` returned has a measured row of the question."""
        return bool(self._rows_of(frame).any())

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that the question asks for, described, with ``labels`` as columns.

        Rows of cells that were skipped or failed are left out: nothing was measured in them. Rows
        that are undefined stay, without a value.

        Raises
        ------
        RunError
            If a column is missing, or the question was not asked.
        """
        experiment = self.experiment or self.name
        read = describe if self.compared else describe_by_comparison
        described = read(frame, experiment)
        rows = described[self._rows_of(described)]
        if rows.empty:
            raise RunError(f"{self.name}: no cell of this run measured it; see its statuses")
        rows = expand(rows, **self.labels)
        return self.arrange(rows) if self.arrange else rows

    def views(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Name of a figure -> those of the question's rows that it is drawn of.

        "robustness" for the main comparison, "robustness_tau_0.1" for another that adds methods.
        """
        if not self.compared:
            return {self.name: rows}
        main, *others = comparisons_to_show(rows[rows["method"] != ALL])
        names = {"_".join([self.name, *re.findall(r"[\w.]+", text)]): text for text in others}
        return {
            name: select_comparison(rows, text) for name, text in {self.name: main, **names}.items()
        }

    def contents(self, frame: pd.DataFrame) -> Contents:
        """What the frame says on the question.

        Raises
        ------
        RunError
            As of ``rows``.
        """
        rows = self.rows(frame)
        full = {table.name: table.make(rows) for table in self.tables}
        views = []
        for name, part in self.views(rows).items():
            shown = {
                table.name: full[table.name] if table.digest is None else table.digest(part)
                for table in self.tables
                if table.shown
            }
            comparison = comparison_in(part) if self.compared else ""
            views.append(View(comparison, name, self.findings(part), shown))
        return Contents(views, full)

    def _rows_of(self, frame: pd.DataFrame) -> "pd.Series[bool]":
        chosen = (frame["experiment"] == (self.experiment or self.name)) & measured(frame)
        if self.scale:
            chosen &= frame["scale"] == self.scale
        if self.steps is not None:
            chosen &= frame["step"].notna() == self.steps
        return chosen


def label(name: str, other: Any = "") -> Callable[[Labels], Any]:
    """Reads one label; ``other`` where a row lacks it, whose type the label then has."""
    kind = type(other)

    def read(labels: Labels) -> Any:
        value = labels.get(name)
        return other if value is None else kind(value)

    return read


def shared_by_methods(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """``metric`` under the method ``ALL``: it is the same for every method."""
    method = rows["method"].cat.add_categories(ALL)
    return rows.assign(method=method.mask(rows["metric"] == metric, ALL))
