"""Does the answer move when only the sampling of comparisons moves?"""

import math
from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.comparisons import strength_words
from results.frames import Labels, categories, comparison_in, parameter_text
from results.questions import comparison_counts
from results.questions.comparison_counts import short_setting
from results.questions.layout import GAME_AND_METHOD, estimate_each, pivot
from results.questions.section import Column, Section, Table, label, shared_by_methods
from results.questions.sentences import (
    MOVES,
    count_games,
    in_common,
    largest_by_method,
    means_in_words,
)
from results.sheet import Sheet
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("shift"),
    Column("imputation_shift"),
    Column("agreement"),
    Column("duality_gap"),
    Column("regret", shown=False),
    Column("unseen_share", shown=False),
)
_MAX_SETTINGS = 3
_CHANGES = {
    "missing": "one pair is never\ncompared",
    "sampled_from": "one answer is\ncompared often",
}
_CHANGE = ["game", "change", "seed", "context"]


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, setting, number of comparisons and change.

    The columns are metric x method. In the setting "known", P is given and only the frequency with
    which pairs are compared changes; in "estimated", everything comes from that many comparisons:
    there "RLHF" leaves out pairs that were never compared, and "RLHF (filled)" fits them as ties,
    as the other methods must. In "estimated by ..." all methods learn from that preference model.
    ``unseen_share`` is the same for all methods.
    """
    index = ["game", "comparison", "setting", "comparisons", "change"]
    return pivot(rows, index, ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest value over the changes of a kind: one line a game, setting, number and kind."""
    rows = rows[(rows["kind"] != "none") | (rows["comparisons"] < math.inf)]
    rows = rows.assign(kind=rows["kind"].cat.rename_categories({"sampled_from": "sampled from"}))
    index = ["game", "setting", "comparisons", "kind"]
    return pivot(rows, index, ["metric", "method"], [c for c in COLUMNS if c.shown], "max")


def missing_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """The shifts when one pair is never compared and the other pairs infinitely often."""
    rows = rows[(rows["metric"] == "shift") & (rows["kind"] == "missing")]
    return rows[rows["comparisons"] == math.inf]


def findings(rows: pd.DataFrame) -> list[str]:
    """How far answers move, how much of it is imputed, and how far two data sets agree."""
    out = []
    for setting in categories(rows["setting"]):
        out += _where_it_moves(setting, rows[rows["setting"] == setting])
    return out + comparison_counts.findings(rows)


def _where_it_moves(setting: str, rows: pd.DataFrame) -> list[str]:
    rows = rows[(rows["comparisons"] == math.inf) & (rows["kind"] != "none")]
    if rows.empty:
        return []
    shifts = estimate(in_common(rows[rows["metric"] == "shift"], _CHANGE), GAME_AND_METHOD, "max")
    moved = count_games(shifts.assign(hit=shifts["mean"] > MOVES))
    text = f"P {setting}: the answer moves with {moved}; by at most {largest_by_method(shifts)}."
    if setting == "known":
        text += " NLHF and SLHF never read which pairs were compared: their 0 is arithmetic."
    imputed = rows[(rows["metric"] == "imputation_shift") & (rows["kind"] == "missing")]
    if imputed.empty:
        return [text]
    part = estimate(in_common(imputed, _CHANGE), GAME_AND_METHOD, "max")
    return [
        text,
        f"P {setting}, one pair never compared: what is imputed for it moves the answer by at most "
        f"{largest_by_method(part)}.",
    ]


def figure(rows: pd.DataFrame) -> "Figure":
    """How far the answer moves: above, other pairs are compared; below, few comparisons are made.

    The panels above use each method's largest number of comparisons, which is infinite for the
    exact solvers. Those below are means over games.
    """
    shifts = rows[rows["metric"] == "shift"]
    most = shifts.groupby(["setting", "method"], observed=True)["comparisons"].transform("max")
    plenty = shifts[shifts["comparisons"] == most]
    settings = categories(plenty["setting"])[: _MAX_SETTINGS + 1]
    plenty = plenty[plenty["setting"].isin(settings) & plenty["kind"].isin(list(_CHANGES))]
    by_setting = estimate_each(plenty, "setting", ["kind", "metric", *GAME_AND_METHOD], "max")
    columns = {
        f"{title},\n{short_setting(setting)}": part
        for setting, of_setting in by_setting.items()
        for kind, title in _CHANGES.items()
        for part in [of_setting[of_setting["kind"] == kind]]
        if len(part) and (kind == "missing" or len(settings) <= 2)
    }
    shown = [panels.Panel(title, e, "total variation") for title, e in columns.items()]
    few = comparison_counts.curves(rows)
    games, styles = categories(shifts["game"]), style.method_styles(shifts)
    title = "How far the answer moves with the choice of comparisons, "
    title += strength_words(comparison_in(rows))
    if columns:
        first, *_ = columns
        means = means_in_words(columns[first], f"shift if {' '.join(first.split())}")
        title += f"\n{means}"
    with style.settings():
        estimates = [*columns.values(), *few.values()]
        legend = panels.legend(styles, estimates, "lines" if few else "dots")
        heights = [panels.dots_height(shown, games, styles)]
        heights += [comparison_counts.height(few)] if few else []
        sheet = Sheet(title, legend, *heights)
        panels.dot_panels(sheet, 0, shown, games, styles)
        if few:
            comparison_counts.draw(sheet, 1, rows, few, styles)
    return sheet.figure


def _change(labels: Labels) -> str:
    if "pair" in labels:
        return f"no {'-'.join(labels['pair'])}"
    return f"sampled from {labels['policy']}" if "policy" in labels else str(labels["change"])


def _setting(labels: Labels) -> str:
    """The setting with the preference model, unless that is the observed win rates."""
    setting, model = str(labels.get("setting", "")), labels.get("estimator")
    if model is None:
        return setting
    return f"{setting} by {model if isinstance(model, str) else parameter_text(model)}"


def _order_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with no change first and changes of the sampling policy last."""
    order = sorted(rows["change"].cat.categories, key=lambda text: text != "none")
    order = sorted(order, key=lambda text: text.startswith("sampled from "))
    rows = rows.assign(change=rows["change"].cat.reorder_categories(order))
    return shared_by_methods(rows, "unseen_share")


SECTION = Section(
    name="data_sensitivity",
    title="Does the answer move when only the sampling of comparisons moves?",
    reading="Shift is the total variation between the answer from full data and the answer after a "
    "change in which pairs are compared; every line shows the largest shift of its kind of change. "
    "P known: the true preference probabilities are given, and only how often each pair is "
    "compared changes. P estimated: all a method knows is the comparisons, and a pair that was "
    "never compared counts as a tie, except that RLHF leaves it out (RLHF (filled) does not). P "
    "estimated by a preference model: every method gets the game that this model makes of the "
    "comparisons. The imputation shift is what the guess for pairs never compared does by itself: "
    "the total variation to the answer when those pairs are given their true P. Agreement is 1 - "
    "total variation between the answers from two data sets of one size: two laboratories with "
    "the same question. Regret is counted in each concept's own objective, so that it compares "
    "numbers of comparisons and preference models, not concepts.",
    expected="With P known NLHF and SLHF cannot move, at any tau: they read P and never how often "
    "a pair was compared, so their 0 is a tautology and no evidence. RLHF fits a "
    "Bradley-Terry reward to the comparisons. If P is not exactly Bradley-Terry, the rewards "
    "change with the pairs that are compared: at tau > 0 the answer then moves, at tau = 0 only if "
    "another answer gets the highest reward. With P estimated all three may move, and which of "
    "them moves least depends on the game, the strength and the preference model. With a reward "
    "model (bradley_terry) the fit is wrong on a cycle however many comparisons there are, so that "
    "regret need not go to 0; with a table or a model of full rank it does.",
    findings=findings,
    tables=(
        Table("data_sensitivity", table, COLUMNS, digest),
        Table(
            "data_sensitivity_by_comparisons",
            comparison_counts.table,
            comparison_counts.COLUMNS,
            comparison_counts.digest,
        ),
    ),
    figure=figure,
    steps=False,
    labels={
        "setting": _setting,
        "comparisons": lambda labels: float(labels.get("n_comparisons") or "inf"),
        "kind": label("change"),
        "change": _change,
    },
    arrange=_order_changes,
    compared=True,
)
