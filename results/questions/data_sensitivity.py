"""Does the answer move when only the sampling of comparisons moves?"""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import panels, style
from results.frames import Labels, categories, comparison_in
from results.questions.layout import GAME_AND_METHOD, pivot
from results.questions.section import Column, Section, Table, label, shared_by_methods
from results.questions.sentences import MOVES, count_games, largest_by_method, n_games
from results.statistics import estimate, paired_difference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("shift"),
    Column("duality_gap"),
    Column("regret", shown=False),
    Column("unseen_share", shown=False),
)
_MAX_GAMES = 3


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, setting, number of comparisons and change.

    The columns are metric x method. In the setting "known", P is given and only the frequency with
    which pairs are compared changes; in "estimated", everything comes from that many comparisons.
    "RLHF" leaves out pairs that were never compared; "RLHF (filled)" fits them as ties, as the
    other methods must. ``unseen_share`` is the same for all methods.
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
    """In how many games and how far answers move, and differences on the same comparisons."""
    rows = rows[rows["metric"] == "shift"]
    out = []
    for setting in categories(rows["setting"]):
        part = rows[(rows["setting"] == setting) & (rows["comparisons"] == math.inf)]
        part = part[part["kind"] != "none"]
        if part.empty:
            continue
        shifts = estimate(part, GAME_AND_METHOD, "max")
        moved = count_games(shifts.assign(hit=shifts["mean"] > MOVES))
        out.append(
            f"P {setting}: the answer moves with {moved}; by at most {largest_by_method(shifts)}."
        )
    drawn = rows[(rows["comparisons"] < math.inf) & (rows["kind"] == "none")]
    for second in ("NLHF", "SLHF"):
        gap: Any
        for gap in paired_difference(drawn, ["metric", "comparisons"], "RLHF", second).itertuples():
            if not math.isnan(gap.low):
                out.append(
                    f"From {gap.comparisons:,.0f} comparisons, shift of RLHF less that of {second} "
                    f"on the same comparisons: {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] "
                    f"(mean of {n_games(drawn['game'].nunique())}, 95% interval over {gap.n} "
                    "seeds)."
                )
    return out


def figure(rows: pd.DataFrame) -> "Figure":
    """How far the answer moves: above, other pairs are compared; below, few comparisons are made.

    The panels above use each method's largest number of comparisons, which is infinite for the
    exact solvers.
    """
    rows = rows[rows["metric"] == "shift"]
    most = rows.groupby(["setting", "method"], observed=True)["comparisons"].transform("max")
    plenty = rows[rows["comparisons"] == most]
    columns = {
        f"P {setting},\n{title}": estimate(part[part["kind"] == kind], GAME_AND_METHOD, "max")
        for setting, part in plenty.groupby("setting", observed=True)
        for kind, title in (("missing", "one pair never"), ("sampled_from", "one answer often"))
    }
    drawn = rows[(rows["comparisons"] < math.inf) & (rows["kind"] == "none")]
    shown, styles = categories(rows["game"]), style.method_styles(rows)
    few = {
        game: estimate(drawn[drawn["game"] == game], ["method", "comparisons"])
        for game in categories(drawn["game"])[:_MAX_GAMES]
        if (drawn["value"] > 0).any()  # trained models are compared with these very answers
    }
    with style.settings():
        title = f"How far the answer moves (total variation) at {comparison_in(rows)}"
        estimates = [*columns.values(), *few.values()]
        legend = panels.legend(styles, estimates, "lines" if few else "dots")
        heights = [panels.height_of(shown, styles), *[1.75] * bool(few)]
        page = style.Page(title, legend, *heights)
        panels.dot_columns(page, 0, columns, shown, styles, {})
        line = page.panels(1, 1, len(few), left=0.7)[0] if few else []
        for k, (axes, (game, part)) in enumerate(zip(line, few.items(), strict=True)):
            panels.curves(axes, part, "comparisons", styles, spacing=0.08)
            panels.limit(axes, "y", labels=k == 0)
            sizes = sorted(set(part["comparisons"]))
            axes.set(xscale="log", xlim=(sizes[0] / 1.6, sizes[-1] * 1.6))
            axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
            axes.minorticks_off()
            axes.set(xlabel="comparisons", title=panels.short(game))
            axes.set_ylabel("shift,\nP estimated" if k == 0 else "")
    return page.figure


def _change(labels: Labels) -> str:
    if "pair" in labels:
        return f"no {'-'.join(labels['pair'])}"
    return f"sampled from {labels['policy']}" if "policy" in labels else str(labels["change"])


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
    "never compared counts as a tie, except that RLHF leaves it out (RLHF (filled) does not).",
    expected="With P known NLHF and SLHF cannot move, at any tau: they read P and never how often "
    "a pair was compared, so their 0 is a check of the code and not evidence. RLHF fits a "
    "Bradley-Terry reward to the comparisons. If P is not exactly Bradley-Terry, the rewards "
    "change with the pairs that are compared: at tau > 0 the answer then moves, at tau = 0 only if "
    "another answer gets the highest reward. With P estimated all three may move, and which of "
    "them moves least depends on the game and on tau.",
    findings=findings,
    tables=(Table("data_sensitivity", table, COLUMNS, digest),),
    figure=figure,
    steps=False,
    labels={
        "setting": label("setting"),
        "comparisons": lambda labels: float(labels.get("n_comparisons") or "inf"),
        "kind": label("change"),
        "change": _change,
    },
    arrange=_order_changes,
    compared=True,
)
