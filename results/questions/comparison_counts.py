"""Answers against the number of comparisons that they are learnt from."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from results import curves as curves_of
from results import panels, style
from results.frames import FILLED, categories
from results.questions.layout import GAME_AND_METHOD, estimate_each, pivot
from results.questions.section import Column
from results.questions.sentences import mean_over_games, n_games
from results.sheet import Sheet, fitting
from results.statistics import estimate, paired_difference

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = (
    Column("shift", panel="shift\n(total variation)"),
    Column("agreement", panel="agreement"),
    Column("regret", panel="regret", top=None),
)
_MAX_SETTINGS, _LEAST = 3, 1.5
_FIRST = ("RLHF", f"RLHF{FILLED}")
_SECOND = ("NLHF", "SLHF")
_ALIKE = 1e-9
_DATA = ["setting", "comparisons"]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, setting and number of comparisons; columns metric x method."""
    index = ["game", "comparison", "setting", "comparisons"]
    return pivot(drawn(rows), index, ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of one comparison."""
    return pivot(drawn(rows), ["game", "setting", "comparisons"], ["metric", "method"], COLUMNS)


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of finite data sets without a change; trained models are their own reference."""
    rows = rows[(rows["comparisons"] < math.inf) & (rows["kind"] == "none")]
    return rows[rows["scale"] == "tabular"]


def findings(rows: pd.DataFrame) -> list[str]:
    """How far two data sets of one size agree, and who moves more on the same comparisons."""
    out = []
    few = drawn(rows)
    agreement, shift = (few[few["metric"] == metric] for metric in ("agreement", "shift"))
    if len(agreement):
        agreement = estimate(agreement, [*_DATA, *GAME_AND_METHOD])
    gaps = {pair: paired_difference(shift, [*_DATA, "metric"], *pair) for pair in _pairs(shift)}
    for setting, size in few.groupby(_DATA, observed=True).size().index:
        alike, shifts = (_of(part, setting, size) for part in (agreement, shift))
        if len(alike):
            out.append(
                f"P {setting}: two data sets of {size:,.0f} comparisons agree (1 - total "
                f"variation): {mean_over_games(alike)}."
            )
        pairs = _pairs(shifts)
        for first in dict.fromkeys(first for first, _ in pairs):
            each = [
                text
                for pair in pairs
                if pair[0] == first
                for text in _difference(_of(gaps[pair], setting, size), shifts, *pair)
            ]
            if each:
                out.append(
                    f"From {size:,.0f} comparisons, P {setting}, shift of {first} less that of "
                    f"another method on the same comparisons (mean, 95% interval): "
                    f"{'; '.join(each)}."
                )
    return out


def _pairs(shifts: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs of methods that are compared, in order."""
    methods = categories(shifts["method"])
    others = [name for name in methods if name.partition(" ")[0] in _SECOND]
    return [(first, other) for first in methods if first in _FIRST for other in others]


def _of(rows: pd.DataFrame, setting: str, size: float) -> pd.DataFrame:
    """The rows of one setting and number of comparisons."""
    return rows[(rows["setting"] == setting) & (rows["comparisons"] == size)]


def _difference(gaps: pd.DataFrame, shifts: pd.DataFrame, first: str, second: str) -> list[str]:
    """The paired difference, with the games and repetitions that both methods have."""
    defined = shifts[shifts["value"].notna()]
    games = [set(defined.loc[defined["method"] == name, "game"]) for name in (first, second)]
    said = n_games(len(games[0] & games[1]))
    out = []
    for gap in gaps.to_dict("records"):
        text = f"{second} {gap['mean']:+.3f}"
        if not math.isnan(gap["repetitions"]):
            ends = f"{gap['least']:+.3f} to {gap['greatest']:+.3f}"
            out.append(f"{text} (n = {gap['n']}: {ends}, {said})")
        elif gap["high"] - gap["low"] < _ALIKE:
            out.append(f"{text} (all {gap['n']} alike, {said})")
        elif not math.isnan(gap["low"]):
            out.append(f"{text} [{gap['low']:+.3f}, {gap['high']:+.3f}] (n = {gap['n']}, {said})")
    return out


def curves(rows: pd.DataFrame) -> dict[tuple[int, int], pd.DataFrame]:
    """(Metric, setting) -> means over games, for each method and number of comparisons."""
    few = drawn(rows)
    few = few[few["metric"].isin([column.name for column in COLUMNS])]
    by_setting = estimate_each(few, "setting", ["metric", "method", "comparisons"])
    return {
        (i, k): part
        for i, column in enumerate(COLUMNS)
        for k, setting in enumerate(categories(few["setting"])[:_MAX_SETTINGS])
        for part in [by_setting[setting][by_setting[setting]["metric"] == column.name]]
        if len(part)
    }


def height(means: "Mapping[tuple[int, int], pd.DataFrame]") -> float:
    """The height in inches of the band that ``draw`` needs."""
    if _columns(means) > 1:
        return 4.2
    return 1.9 * -(-len(COLUMNS) // fitting(len(COLUMNS), _LEAST))


def _columns(means: "Mapping[tuple[int, int], pd.DataFrame]") -> int:
    return 1 + max(k for _, k in means)


def draw(
    sheet: Sheet,
    band: int,
    rows: pd.DataFrame,
    means: "Mapping[tuple[int, int], pd.DataFrame]",
    styles: "Mapping[str, style.MethodStyle]",
) -> None:
    """One line of panels a metric and one column a setting, over the number of comparisons.

    The metrics of a single setting stand side by side.
    """
    few = drawn(rows)
    titles, games = categories(few["setting"]), categories(few["game"])
    what = f"mean of {n_games(len(games))}" if len(games) > 1 else f"game {games[0]}"
    sheet.heading(band, f"How far it moves if few comparisons are made ({what})")
    single = _columns(means) == 1
    if single:
        across = fitting(len(COLUMNS), _LEAST)
        grid = np.array(sheet.some_panels(band, len(COLUMNS), across))[:, None]
    else:
        grid = sheet.panels(band, len(COLUMNS), _columns(means))
    for (i, k), part in means.items():
        axes, column, last = grid[i, k], COLUMNS[i], single or i == len(COLUMNS) - 1
        curves_of.curves(axes, part, "comparisons", styles, spacing=0.08)
        if column.top:
            panels.limit(axes, "y", column.top, labels=k == 0)
        else:
            axes.set_ylim(bottom=0)
        sizes = sorted(set(part["comparisons"]))
        axes.set(xscale="log", xlim=(sizes[0] / 1.6, sizes[-1] * 1.6))
        axes.set_xticks(sizes, [f"{size:,.0f}" if last else "" for size in sizes])
        axes.minorticks_off()
        axes.set_ylabel(panels.axis_words(column.name, column.panel) if k == 0 else "")
        axes.set_xlabel("comparisons" if last else "")
        if i == 0 and not single:
            axes.set_title(short_setting(titles[k]))


def short_setting(setting: str) -> str:
    """A setting for a title: the preference model by its name alone."""
    model = setting.partition(" by ")[2].replace("_", " ")
    return f"by {model}" if model else f"preferences {setting}"
