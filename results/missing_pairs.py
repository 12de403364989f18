"""What is answered when one pair is never compared: the answers of one game, pair by pair."""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import style
from results.comparisons import select_comparison, strength_words
from results.frames import categories, comparison_in, expand
from results.questions import data_sensitivity
from results.questions.section import label
from results.questions.sentences import MOVES, NBSP
from results.sheet import Sheet, fitting, wrapped
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_ANSWERS = 4
_LETTERS, _SHORT = 22, 10
"""The most letters of a line beside the bars, and of a name inside of them."""

_WRITTEN = 0.12
"""Smallest probability whose answer is named in its bar."""


def figure(frame: pd.DataFrame) -> "Figure | None":
    """Bars of the answers of every method under each missing pair, in the main comparison.

    The game is the first of three or four answers; one band a setting. None if there is none.

    Parameters
    ----------
    frame : DataFrame
        Rows as returned by ``results.load``.
    """
    if not data_sensitivity.SECTION.has_rows(frame):
        return None
    rows = select_comparison(data_sensitivity.SECTION.rows(frame), None)
    rows = rows[(rows["metric"] == "probability") & (rows["comparisons"] == math.inf)]
    rows = rows[rows["kind"].isin(("none", "missing")) & (rows["scale"] == "tabular")]
    rows = expand(rows, action=label("action"))
    n_answers = rows.groupby("game", observed=True)["action"].nunique()
    games = [game for game in categories(rows["game"]) if 2 < n_answers[game] <= _MOST_ANSWERS]
    if not games or not (rows["kind"] == "missing").any():
        return None
    rows = rows[rows["game"] == games[0]]
    settings, styles = categories(rows["setting"])[:2], style.method_styles(rows)
    changes, answers = categories(rows["change"]), categories(rows["action"])
    estimates = estimate(rows, ["setting", "method", "change", "action"])
    parts = {setting: estimates[estimates["setting"] == setting] for setting in settings}
    methods = {
        setting: [name for name in styles if name in set(part["method"])]
        for setting, part in parts.items()
    }
    columns = fitting(max(map(len, methods.values())), 1.0, 0.7)
    names = ["all pairs", *(f"never {c.removeprefix('no ')}" for c in changes[1:])]
    names = [wrapped(name, _LETTERS) for name in names]
    lines = max(name.count("\n") for name in names)
    panel = 0.85 + (0.22 + 0.12 * lines) * len(changes)
    heights = [-(-len(m) // columns) * panel for m in methods.values()]
    written, key = _inside(answers)
    with style.settings():
        sheet = Sheet(_title(estimates, games[0], comparison_in(rows)), key, *heights)
        for band, (setting, part) in enumerate(parts.items()):
            sheet.heading(band, f"Preferences {setting.replace('_', ' ')}")
            drawn = sheet.some_panels(band, len(methods[setting]), columns)
            for k, (axes, method) in enumerate(zip(drawn, methods[setting], strict=True)):
                _bars(axes, part[part["method"] == method], changes, written, styles[method])
                axes.set_yticks(range(len(names)), names)
                axes.tick_params(axis="y", labelleft=k % columns == 0)
                axes.set_title(method)
                if k + columns >= len(drawn) and band == len(parts) - 1:
                    axes.set_xlabel("probability")
    return sheet.figure


def _inside(answers: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """What stands in the bar of each answer, its name or a number, and the key of the numbers."""
    from matplotlib.lines import Line2D

    if max(map(len, answers)) <= _SHORT:
        return dict(zip(answers, answers, strict=True)), {}
    numbers = {name: str(k) for k, name in enumerate(answers, 1)}
    return numbers, {f"{k}: {name}": Line2D([], [], linestyle="") for name, k in numbers.items()}


def _title(estimates: pd.DataFrame, game: str, comparison: str) -> str:
    """How often each method's answer moves in the first setting."""
    setting = categories(estimates["setting"])[0]
    of_setting = estimates[estimates["setting"] == setting]
    each = []
    for method, part in of_setting.groupby("method", observed=True):
        wide = part.pivot(index="change", columns="action", values="mean")
        moves = (wide - wide.iloc[0]).abs().max(axis=1).iloc[1:] > MOVES
        each.append(f"{method}{NBSP}{moves.sum()}")
    return (
        f"What is answered when one pair is never compared, {strength_words(comparison)}\n"
        f"Answers to {game.replace('_', ' ')} that move with preferences {setting}, of "
        f"{len(moves)}: {', '.join(each)}"
    )


def _bars(
    axes: "Axes", part: pd.DataFrame, changes: list[str], answers: dict[str, str],
    of_it: style.MethodStyle,
) -> None:  # fmt: skip
    """One bar a change, divided among the answers, whose values are written inside."""
    shares = part.pivot(index="change", columns="action", values="mean").reindex(
        columns=list(answers)
    )
    shades = [1.0 - 0.75 * k / max(1, len(answers) - 1) for k in range(len(answers))]
    line: Any
    for change, line in shares.iterrows():
        height, start = changes.index(str(change)), 0.0
        if line.isna().all():
            axes.plot([0.5], [height], "x", color=of_it.colour)
        for name, value, shade in zip(answers.values(), line.fillna(0.0), shades, strict=True):
            axes.barh(
                height, value, 0.7, start, color=of_it.colour, alpha=shade,
                edgecolor=style.WHITE, linewidth=0.5,
            )  # fmt: skip
            if value >= _WRITTEN:
                axes.text(
                    start + value / 2, height, wrapped(name, _SHORT), ha="center", va="center",
                    color=style.BLACK,
                    bbox={"boxstyle": "round,pad=0.12", "facecolor": style.WHITE, "linewidth": 0},
                )  # fmt: skip
            start += value
    axes.set(xlim=(0, 1), ylim=(len(changes) - 0.5, -0.5))
    axes.set_xticks((0.0, 0.5, 1.0), ("0", ".5", "1"))
    axes.tick_params(axis="y", length=0)
