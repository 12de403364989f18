"""Does more optimisation against a fitted preference model help, or only seem to?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.comparisons import fixed_set, level, middle_level
from results.export import number
from results.frames import Labels, categories
from results.questions.layout import pivot
from results.questions.section import Column, Section, Table
from results.questions.sentences import n_games
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("proxy_score"),
    Column("true_score"),
    Column("score_gap", panel="score: fit - truth\n(own objective)"),
    Column("proxy_win_rate", panel="win rate over the\nreference, by the fit"),
    Column("win_rate_over_ref", panel="win rate over the\nreference, in truth"),
    Column("kl_to_ref", shown=False),
)
_MAX_DATA = 3


@dataclass(frozen=True)
class _Curve:
    """One preference model and number of comparisons, on the games where every method has a value.

    Attributes
    ----------
    data : str
        "bradley_terry, 300 comparisons".
    rows : DataFrame
        Rows at a KL that all methods reach in all of these games.
    games : int
    """

    data: str
    rows: pd.DataFrame
    games: int


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, preference model with its data, and strength; columns metric x method."""
    return pivot(rows, ["game", "data", "comparison"], ["metric", "method"], COLUMNS)


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the games of each curve: one line a preference model with its data, and a KL."""
    parts = [curve.rows for curve in _curves(rows)]
    if not parts:
        return pd.DataFrame()
    shown = [column for column in COLUMNS if column.shown]
    return pivot(pd.concat(parts), ["data", "comparison"], ["metric", "method"], shown)


def findings(rows: pd.DataFrame) -> list[str]:
    """Win rates by the fit and in truth at the largest KL, and where more KL made things worse."""
    out = []
    for curve in _curves(rows):
        levels = categories(curve.rows["comparison"])
        means = estimate(curve.rows, ["metric", "method", "comparison"])
        wide = means.pivot(index="method", columns=["metric", "comparison"], values="mean")
        last = levels[-1]
        each = [
            f"{method} {number(fit)} by the fit and {number(true)} in truth"
            for method, fit, true in zip(
                wide.index, wide["proxy_win_rate", last], wide["win_rate_over_ref", last],
                strict=True,
            )
        ]  # fmt: skip
        out.append(
            f"{curve.data}: at {last} the win rate over the reference is {', '.join(each)} "
            f"(mean of {n_games(curve.games)} that every method reaches from {levels[0]} on)."
        )
        if len(levels) > 1:
            out.append(f"{curve.data}: more KL lowers the true score with {_worse(curve, levels)}.")
    return out


def _worse(curve: _Curve, levels: list[str]) -> str:
    """For each method, in how many games the true score at the largest KL is not the best."""
    scores = curve.rows[curve.rows["metric"] == "true_score"]
    means = estimate(scores, ["game", "method", "comparison"])
    wide = means.pivot(index=["game", "method"], columns="comparison", values="mean").dropna()
    worse = (wide[levels[-1]] < wide[levels].max(axis=1) - 1e-9).rename("hit").reset_index()
    hits = worse.groupby("method", observed=True)["hit"].agg(["sum", "size"])
    each = [f"{method} in {hit} of {n_games(n)}" for method, hit, n in hits.itertuples()]
    return ", ".join(each) or "no method that has a score"


def figure(rows: pd.DataFrame) -> "Figure | None":
    """Win rates by the fit and in truth, and the gap between scores, along the KL."""
    curves = list(_curves(rows))[:_MAX_DATA]
    drawn = [column for column in COLUMNS if column.panel]
    drawn = [*drawn[1:], drawn[0]]
    if not curves:
        return None
    means = {
        (i, k): estimate(part, ["method", "kl"])
        for i, column in enumerate(drawn)
        for k, curve in enumerate(curves)
        for part in [curve.rows[curve.rows["metric"] == column.name]]
        if len(part)
    }
    styles = style.method_styles(pd.concat([curve.rows for curve in curves]))
    with style.settings():
        legend = panels.legend(styles, means.values(), "lines")
        page = style.Page("Along the KL to the reference: the fit against the truth", legend, 5.2)
        grid = page.panels(0, len(drawn), len(curves), left=0.85, gaps=(0.35, 0.25))
        for (i, k), part in means.items():
            axes, last = grid[i, k], i == len(drawn) - 1
            panels.curves(axes, part, "kl", styles)
            at = sorted(set(part["kl"]))
            axes.set(xscale="log", xlim=(at[0] / 1.3, at[-1] * 1.3))
            axes.set_xticks(at, [f"{x:g}".lstrip("0") if last else "" for x in at])
            axes.minorticks_off()
            axes.set_ylabel(drawn[i].panel if k == 0 else "")
            axes.set_xlabel("KL (nats)" if last else "")
        for i in range(len(drawn)):  # fit and truth, and all preference models, on one scale
            alike = [e for (j, _), e in means.items() if (j == i if drawn[i].name == "score_gap"
                     else drawn[j].name != "score_gap")]  # fmt: skip
            low = min((e[["mean", "low"]].min().min() for e in alike), default=0.0)
            high = max((e[["mean", "high"]].max().max() for e in alike), default=1.0)
            margin = 0.05 * (high - low) or 0.05
            for axes in grid[i]:
                axes.set_ylim(low - margin, high + margin)
        for k, curve in enumerate(curves):
            model, _, size = curve.data.rpartition(", ")
            grid[0, k].set_title(f"{model},\n{size} ({n_games(curve.games)})")
    return page.figure


def _curves(rows: pd.DataFrame) -> Iterator[_Curve]:
    """The games that all methods reach at every KL up to the middle one, for each model and size.

    The middle KL is the largest that is reached on two thirds of the games
    (``results.comparisons.middle_level``); a wider range would rest on fewer games.
    """
    finite = rows[rows["kl"] < math.inf]
    for data in categories(finite["data"]) if len(finite) else ():
        part = finite[finite["data"] == data]
        part = part.assign(comparison=part["comparison"].cat.remove_unused_categories())
        wins = part[part["metric"] == "win_rate_over_ref"]
        cells = wins.groupby(["game", "comparison", "method"], observed=True)["value"]
        some = cells.agg(["mean", "count", "size"])
        value = some["mean"].where(some["count"] == some["size"])
        values = value.rename("value").reset_index()
        methods = wins["method"].unique()
        middle = middle_level(part)
        levels = [name for name in categories(part["comparison"]) if _within(name, middle)]
        while levels:
            games = fixed_set(values, "game", ["comparison", "method"], levels, methods)
            if len(games):
                kept = part[part["game"].isin(games) & part["comparison"].isin(levels)]
                yield _Curve(data, kept, len(games))
                break
            levels.pop()


def _within(name: str, middle: str | None) -> bool:
    return middle is None or level(name) <= level(middle)


def _data(labels: Labels) -> str:
    size = labels.get("n_comparisons")
    number_of = "unlimited" if size is None else f"{size:,}"
    return f"{labels.get('estimator', '')}, {number_of} comparisons"


def _with_kl(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of answers at equal strength, with the KL asked for as a column; tau = 0 is inf."""
    kl = {name: level(name) for name in categories(rows["comparison"])}
    rows = rows.assign(kl=rows["comparison"].astype(str).map(kl))
    rows = rows[rows["kl"].notna()]
    return rows.assign(comparison=rows["comparison"].cat.remove_unused_categories())


SECTION = Section(
    name="over_optimisation",
    title="Does more optimisation against a fitted preference model help, or only seem to?",
    reading="A preference model is fitted to comparisons, each method answers the fitted game at "
    "growing KL to the reference, and the answer is scored twice: by the fit (the proxy) and by "
    "the true preferences. The score is the concept's own objective at tau = 0: for RLHF the "
    "Bradley-Terry reward less that of the reference, in log-odds; for NLHF the win rate against "
    "the best opposing policy; for SLHF that against the best reply to each answer. Scores of "
    "different concepts have different units; win rates over the reference compare them. A curve "
    "averages one fixed set of games that every method reaches at every KL shown.",
    expected="By the fit every method improves along the KL in its own objective, because that is "
    "what it maximises. In truth it may turn down: with few comparisons, because the best answer "
    "by the fit is partly luck, and with a reward model on a cycle at any number of comparisons, "
    "because the fit is wrong. RLHF sees no gap in its own score on a Bradley-Terry fit to "
    "unlimited data: its true reward is that fit.",
    findings=findings,
    tables=(Table("over_optimisation", table, COLUMNS, digest),),
    figure=figure,
    steps=False,
    labels={"data": _data},
    arrange=_with_kl,
)
