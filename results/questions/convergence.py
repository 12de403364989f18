"""How fast is a target approached, and is it reached?

All iterative methods are compared. ``newton`` and ``followers`` make two further tables.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import panels, style
from results.comparisons import strength_words
from results.curves import FLOOR, log_scales
from results.frames import categories
from results.questions import followers, newton
from results.questions.layout import METHOD_KEYS, UNIT_KEYS, aggregate
from results.questions.section import Column, Section, Table, label
from results.questions.traces import COSTS, OUTCOMES, REACHED, approaches, last_points, outcomes
from results.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NO_GAP = "no solver of this run has a regularised gap"

SUMMARY = (
    Column(
        "reached",
        f"number of contexts and seeds in which the regularised gap stays at or below {REACHED:g}",
        lambda units: units["steps"].count(),
    ),
    Column("of", "number of contexts and seeds", len),
    Column("steps", "number until then, median", lambda units: units["steps"].median()),
    Column(
        "oracle_calls",
        "number until then, the median",
        lambda units: units["oracle_calls"].median(),
    ),
    Column("seconds", "time until then, median", lambda units: units["seconds"].median()),
    Column(
        "largest_gap",
        "regularised gap at the end, the largest",
        lambda units: units["regularised_gap"].max(),
    ),
    Column(
        "largest_tv",
        "total variation to the target at the end, the largest",
        lambda units: units["tv_to_target"].max(),
    ),
)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method: in how many contexts the gap is reached, median cost.

    The medians are over the contexts and seeds that reach it.
    """
    return aggregate(outcomes(rows), METHOD_KEYS, SUMMARY)


def _largest(name: str) -> Callable[[pd.DataFrame], float]:
    return lambda points: float(points[name].max())


ENDS = tuple(
    Column(name, "at the last step, the largest over contexts", _largest(name))
    for name in ("tv_to_target", "kl_to_target", "duality_gap")
)


def ends(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and iterate: distances at the last step."""
    points = last_points(rows)
    columns = [column for column in ENDS if column.name in points]
    return aggregate(points, [*METHOD_KEYS, "iterate"], columns)


def findings(rows: pd.DataFrame) -> list[str]:
    """Which methods reach the equilibrium, then Newton's method, then the followers' rows."""
    return [*_of_methods(rows), *newton.findings(rows), *followers.findings(rows)]


def _of_methods(rows: pd.DataFrame) -> list[str]:
    out = []
    units = outcomes(rows)
    for (comparison, method), part in units.groupby(["comparison", "method"], observed=True):
        hit = part["steps"].notna()
        line = (
            f"{comparison}, {method}: {hit.sum()} of {len(part)} games at a regularised gap of "
            f"{REACHED:g}; the largest at the end is {part['regularised_gap'].max():.1e}"
        )
        if hit.any():
            line += f"; median {part.loc[hit, 'steps'].median():,.0f} steps and "
            line += f"{part.loc[hit, 'oracle_calls'].median():,.0f} oracle calls"
        above = part["limit"] <= part["eta"]
        if part["limit"].notna().any() and above.any():
            stuck = ~part["shrinks"].astype(bool)
            same = "the same" if (above == stuck).all() else "not the same"
            line += (
                f"; its step size is above the limit in {above.sum()} games, and it no longer "
                f"nears its target in {stuck.sum()}: {same} games"
            )
        out.append(f"{line}.")
    return out


def figure(rows: pd.DataFrame) -> "Figure | None":
    """Regularised gap against steps, oracle calls and seconds, one band a comparison.

    A thick line is the median over games; each thin line is one game. None if no method has a
    regularised gap.
    """
    points = approaches(rows)
    points = points[points["step"] > 0]
    if points.empty:
        return None
    points = points.assign(gap=points["regularised_gap"].clip(lower=FLOOR))
    comparisons = categories(points["comparison"])
    styles = style.method_styles(rows[rows["method"].isin(set(points["method"]))])
    with style.settings():
        key = panels.legend(styles, [], "lines") | thickness()
        sheet = Sheet(_title(rows), key, *[1.9] * len(comparisons))
        for i, comparison in enumerate(comparisons):
            sheet.heading(i, strength_words(comparison))
            line = sheet.panels(i, 1, 3)[0]
            part = points[points["comparison"] == comparison]
            low = max(FLOOR, part["gap"].min()) / 3
            for axes, (x, text) in zip(line, COSTS.items(), strict=True):
                traced(axes, part, x, styles)
                axes.set_xlabel(text if i == len(comparisons) - 1 else "")
                axes.set_ylim(low, 3)
                axes.tick_params(axis="y", labelleft=x == "step")
            line[0].set_ylabel("regularised gap\n(lower is better)")
    return sheet.figure


def _title(rows: pd.DataFrame) -> str:
    """How many methods reach the equilibrium in every game."""
    units = outcomes(rows)
    reached = units.groupby(["comparison", "method"], observed=True)["steps"].agg(["count", "size"])
    everywhere = int((reached["count"] == reached["size"]).sum())
    return (
        "How fast the equilibrium is approached\n"
        f"{everywhere} of {len(reached)} methods reach a regularised gap of {REACHED:g} in every "
        "game"
    )


def thickness() -> dict[str, Any]:
    """The legend entry of the lines that ``traced`` draws."""
    from matplotlib.lines import Line2D

    return {"thick: median; thin: each game": Line2D([], [], color=style.GREY, linewidth=2.0)}


def traced(
    axes: "Axes", points: pd.DataFrame, x: str, styles: dict[str, style.MethodStyle]
) -> None:
    """Draw the column ``gap`` of lines of traces against ``x``: the median, and every game."""
    from matplotlib.collections import LineCollection

    for k, (method, of_method) in enumerate(styles.items()):
        part = points[points["method"].astype(str) == method]
        group = part.groupby("step", observed=True)
        middle = group[[name for name in (*COSTS, "gap") if name != "step"]].median().reset_index()
        axes.plot(middle[x], middle["gap"], markevery=(k % 8, 8), **of_method.curve())
        games = part.groupby([*UNIT_KEYS, "contexts"], observed=True)
        each = [game.sort_values("step")[[x, "gap"]].to_numpy() for _, game in games]
        thin = LineCollection(each, colors=of_method.colour, linewidths=0.4, alpha=0.25)
        axes.add_collection(thin)
    log_scales(axes)


def _sort_iterates(rows: pd.DataFrame) -> pd.DataFrame:
    """Iterates in alphabetical order instead of the order of the rows."""
    return rows.astype({"iterate": str, "contexts": str})


SECTION = Section(
    name="convergence",
    title="How fast is the target approached, and is it reached?",
    reading="The regularised gap, 2 tau KL(pi | best response to pi), is 0 exactly at the "
    "regularised Nash equilibrium, which counts as reached once the gap stays at or below "
    f"{REACHED:g}. A method whose target is another policy never reaches it, however close it "
    "comes to its target. kappa is the follower's learning rate divided by the leader's.",
    expected="While its step size is below the stability limit, a method comes closer by about a "
    "constant factor with every step; above the limit it cycles around its target. Where eta is "
    "the learning rate published with EGPO itself, as for its Nash-MD-PG, the gap at the end says "
    "how slow a policy gradient is, not where it settles. Newton's method "
    "needs only a few steps, each of which solves a linear system. A follower that is updated on "
    "an answer only as often as the leader gives it stops learning how to reply to answers that "
    "the leader has dropped.",
    findings=findings,
    tables=(
        Table("convergence_summary", summary, SUMMARY, absent=_NO_GAP),
        Table("newton", newton.table, newton.COLUMNS),
        Table("followers", followers.table, followers.COLUMNS),
        Table("convergence", outcomes, OUTCOMES, shown=False),
        Table("ends", ends, ENDS, shown=False),
    ),
    figure=figure,
    labels={
        "iterate": label("iterate"),
        "contexts": label("contexts"),
        "eta": label("eta", math.nan),
    },
    arrange=_sort_iterates,
)
