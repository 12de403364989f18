"""What a question of a report consists of, as data: a renderer turns it into a page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from results.comparisons import (
    comparisons_to_show,
    equal_temperature,
    is_equal_strength,
    select_comparison,
    void_metrics,
)
from results.frames import (
    Labels,
    comparison_in,
    describe,
    describe_by_comparison,
    expand,
    measured,
)
from results.metrics import METRICS
from results.questions.cells import Cells, cells_of, with_cells
from results.rows import FAILED, RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"
"""The method name of rows whose value does not depend on the method."""


@dataclass(frozen=True)
class Column:
    """A column of a table: the one place that defines its name, meaning, value and display.

    Attributes
    ----------
    name : str
        Name of a metric, or of a column that ``value`` computes.
    text : str
        What it means; by default the formula of the metric of that name.
    value : callable, optional
        Computes the cell from the rows of a line.
    shown : bool
        Whether the report shows it; the file always holds it.
    panel : str
        Title of its panel in the question's figure; "" if it has no panel.
    axis : str
        What that panel's axis shows; by default the unit of the metric.
    top : float or None
        Upper end of that panel's axis; None to fit the values.
    """

    name: str
    text: str = ""
    value: Callable[[Any], Any] | None = None
    shown: bool = True
    panel: str = ""
    axis: str = ""
    top: float | None = 1.0

    @property
    def meaning(self) -> str:
        """``text``, or the formula of the metric if there is no text."""
        return self.text or METRICS[self.name].formula


@dataclass(frozen=True)
class Table:
    """A table of a question.

    Attributes
    ----------
    name : str
        Name of its file, without suffix.
    make : callable
        All rows of the question -> the full table; empty if no row belongs in it.
    columns : sequence of Column
        The columns that are not keys; a name such as "kl_*" stands for every name that starts
        with "kl_".
    digest : callable, optional
        Rows of a view -> what the report shows of the table; by default the full table.
    shown : bool
        Whether the report shows it; the file is always written.
    absent : str
        The reason that the report gives when the table is empty; "" to say nothing.
    """

    name: str
    make: Callable[[pd.DataFrame], pd.DataFrame]
    columns: tuple[Column, ...]
    digest: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    shown: bool = True
    absent: str = ""


@dataclass(frozen=True)
class View:
    """What the report shows for some of a question's rows, such as those of one comparison.

    Attributes
    ----------
    comparison : str
        "tau = 0.1" or the like; "" if the view is of all rows.
    figure : str
        Name of the figure of these rows.
    findings : list of str
        Sentences computed from these rows; none at equal temperature.
    tables : mapping of str to DataFrame
        Table name -> what is shown of the table, which may be empty.
    """

    comparison: str
    figure: str
    findings: list[str]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Contents:
    """What a run says on a question: its views, and its full tables by name."""

    views: list[View]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Section:
    """A question: which rows it needs, how they are summarised, how to read it, what to expect.

    Attributes
    ----------
    name : str
        Name of the question, and of its figure.
    title : str
        The question in words.
    reading, expected : str
        How to read the tables; what theory or published results predict.
    findings : callable
        Rows of a view -> sentences computed from them.
    tables : sequence of Table
    figure : callable, optional
        Rows of a view -> figure; None if there is nothing to draw.
    experiment : str
        The experiment whose rows it reads; by default the one with its name.
    scale : str
        Only rows of this scale; "" for all scales.
    steps : bool or None
        True for points of learning curves only, False for final answers only, None for both.
    labels : mapping
        Column name -> how to read it from a row's labels.
    arrange : callable, optional
        Applied to the rows last, for example to order categories.
    compared : bool
        Whether methods are compared at equal strength. If so, each view is one comparison: tau = 0,
        one KL, an equal temperature, and what else it takes to show every method. If not, a single
        view follows each method over all comparisons.
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
        """Whether the frame returned by ``results.load`` has a measured row of the question."""
        return bool(self._rows_of(frame).any())

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The measured rows of the question, described, with ``labels`` as columns.

        Rows of cells that were skipped or failed are left out, because nothing was measured in
        them. Undefined rows stay; their value is NaN.

        Raises
        ------
        RunError
            If a column is missing, or the run did not measure the question.
        """
        return self._measured(self._described(frame))

    def _described(self, frame: pd.DataFrame) -> pd.DataFrame:
        read = describe if self.compared else describe_by_comparison
        return read(frame, self.experiment or self.name)

    def _measured(self, described: pd.DataFrame) -> pd.DataFrame:
        rows = described[self._rows_of(described)]
        if rows.empty:
            raise RunError(f"{self.name}: no cell of this run measured it; see its statuses")
        rows = expand(rows, **self.labels)
        return self.arrange(rows) if self.arrange else rows

    def views(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The rows of each view, by the name of the view's figure.

        "robustness" is the main comparison; "robustness_KL_0.1_nats" is another. Metrics that are
        the same for all methods by arithmetic are left out.
        """
        if not self.compared:
            return {self.name: rows}
        of_methods = rows[rows["method"] != ALL]
        shown = list(comparisons_to_show(of_methods))
        shown += [name for name in [equal_temperature(of_methods)] if name and name not in shown]
        out = {}
        for k, comparison in enumerate(shown):
            name = "_".join([self.name, *re.findall(r"[\w.]+", comparison)]) if k else self.name
            part = select_comparison(rows, comparison)
            out[name] = part[~part["metric"].isin(void_metrics(comparison))]
        return out

    def contents(self, frame: pd.DataFrame) -> Contents:
        """The views and full tables of the question, computed from the frame.

        Raises
        ------
        RunError
            If a column is missing, or the run did not measure the question.
        """
        described = self._described(frame)
        rows, cells = self._measured(described), self._cells(described)
        full = {table.name: with_cells(table.make(rows), cells) for table in self.tables}
        views = []
        for name, part in self.views(rows).items():
            comparison = comparison_in(part) if self.compared else ""
            of_view = cells.at(comparison) if comparison else cells
            shown = {
                table.name: full[table.name]
                if table.digest is None
                else with_cells(table.digest(part), of_view)
                for table in self.tables
                if table.shown
            }
            says = not comparison or is_equal_strength(comparison)
            views.append(View(comparison, name, self.findings(part) if says else [], shown))
        return Contents(views, full)

    def _rows_of(self, frame: pd.DataFrame) -> "pd.Series[bool]":
        chosen = (frame["experiment"] == (self.experiment or self.name)) & measured(frame)
        if self.steps is not None:
            chosen &= frame["step"].notna() == self.steps
        return chosen & self._in_scale(frame)

    def _in_scale(self, frame: pd.DataFrame) -> "pd.Series[bool]":
        return (frame["scale"] == self.scale) | (not self.scale)

    def _cells(self, described: pd.DataFrame) -> Cells:
        """The cells of the question, with those that failed."""
        chosen = (self._rows_of(described) | described["status"].isin(FAILED)) & self._in_scale(
            described
        )
        rows = described.loc[chosen, ["cell", "status", "labels", "game", "comparison", "method"]]
        return cells_of(expand(rows.drop_duplicates(), **self.labels), self.labels)


def label(name: str, other: Any = "") -> Callable[[Labels], Any]:
    """A reader of one label, converted to the type of ``other``, which replaces missing labels."""
    kind = type(other)

    def read(labels: Labels) -> Any:
        value = labels.get(name)
        return other if value is None else kind(value)

    return read


def shared_by_methods(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """``rows`` with ``metric`` assigned to the method ``ALL``: it is the same for all methods."""
    method = rows["method"].cat.add_categories(ALL)
    return rows.assign(method=method.mask(rows["metric"] == metric, ALL))
