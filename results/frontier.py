"""The frontier: each quantity along the axis of strength, from a small KL to tau = 0.

Every line averages one fixed set of games, or of draws of a family, on which all methods reach
every level of the line. What does not exist at a level is replaced by nothing: the game leaves the
set, and a shorter range of levels with its larger set is a line of its own.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from results import panels, style
from results.comparisons import NO_PENALTY, fixed_set, level, middle_level
from results.curves import curves as along
from results.frames import (
    categories,
    comparison_of,
    describe_by_comparison,
    family_of,
    measured,
    with_labels,
)
from results.metrics import METRICS
from results.questions.sentences import n_games
from results.ranks import rank_groups
from results.sheet import Sheet, fitting, wrapped
from results.statistics import estimate, fill_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CATALOGUE = "catalogue"
"""The games whose contexts are no draws of a family: one value a game, a mean over its seeds."""

TITLE = "How does the answer change with strength?"
READING = (
    "Strength is the KL of the policy from the reference, in nats; tau = 0 is no penalty at all. "
    "Each line is a mean over one fixed set: games, or draws of a family, on which every method "
    "reaches every level of that line; size is their number. A set is smaller where more is asked "
    "of it, so compare along a line and between methods of one set, never between sets. In the "
    "file, methods that cannot be told apart on the draws of a family share a rank group, 1 the "
    "best (Student's paired t test, adjusted by Holm's method for all families and levels of a "
    "quantity). Games of the catalogue were "
    "chosen, not drawn: their mean has no interval, and no method is better or worse than another "
    "by it. SLHF moves tau_leader and tau_follower together; SLHF (tau_follower = 0) moves "
    "tau_leader only, and at tau = 0 they are the same. RLHF leaves pairs that were never compared "
    "out of its fit; RLHF (filled) counts them as ties, as NLHF and SLHF do. A game that is drawn "
    "anew with each seed counts as one game, the mean over its seeds. Some values are 0 by theorem "
    "and no evidence: NLHF and SLHF ignore exact clones, and with P known they never read which "
    "pairs were compared."
)

_SLHF, _BEST_REPLY = "SLHF", "SLHF (tau_follower = 0)"
_KEYS = ["quantity", "group", "levels", "method"]
_UNIT = ["game", "game_params", "seed", "context"]
_METHOD_OF_GAME = [
    "group", "game", "game_params", "scale", "solver", "concept", "method", "comparison",
]  # fmt: skip
_MAX_LISTED = 12


@dataclass(frozen=True)
class Quantity:
    """One number of a question, for each game, method and level.

    Attributes
    ----------
    title : str
    question, metric : str
    labels : mapping
        Which rows: their labels have these values, as in ``results.frames.with_labels``.
    within : "mean" or "max"
        How several rows of one game and seed are combined.
    """

    title: str
    question: str
    metric: str
    labels: Mapping[str, Any] = field(default_factory=dict)
    within: Literal["mean", "max"] = "mean"


_FEW = {"setting": "estimated", "change": "none", "n_comparisons": 300, "estimator": ""}

QUANTITIES = (
    Quantity("duality gap", "consistency", "duality_gap"),
    Quantity("leader value", "consistency", "leader_value"),
    Quantity("mass on the Smith set", "consistency", "smith_mass"),
    Quantity("largest shift by a clone", "consistency", "clone_shift", within="max"),
    Quantity(
        "largest shift by a missing pair, P known",
        "data_sensitivity",
        "shift",
        {"setting": "known", "change": "missing"},
        "max",
    ),
    Quantity(
        "largest shift by a missing pair, P estimated",
        "data_sensitivity",
        "shift",
        {"setting": "estimated", "change": "missing", "n_comparisons": "", "estimator": ""},
        "max",
    ),
    Quantity("shift from 300 comparisons, P estimated", "data_sensitivity", "shift", _FEW),
    Quantity("regret from 300 comparisons, P estimated", "data_sensitivity", "regret", _FEW),
    Quantity("largest gap as cycles grow", "robustness", "duality_gap", {"path": "cyclic"}, "max"),
    Quantity(
        "favourite seen in 3 independent answers",
        "refinement",
        "seen_favourite",
        {"type": "all", "n_answers": 3, "how": "independent", "route": "exact"},
    ),
)
_REACH = Quantity("KL reached", "consistency", "kl_to_ref")


def has_rows(frame: pd.DataFrame) -> bool:
    """Whether some exact answer was matched to a KL."""
    params = _exact(frame)["params"].unique()
    return any(math.isfinite(level(comparison_of(str(text)))) for text in params)


def reached(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a KL: on how many games of the catalogue each method, and all three, reach it.

    "all three" are RLHF, NLHF and SLHF with tau_follower tied.
    """
    values = _values(_axis(frame), _REACH)
    lines = []
    values = values[values["group"] == CATALOGUE]
    for name in categories(values["comparison"]):
        part = values[values["comparison"] == name]
        exists = part.assign(value=part["value"].notna()).pivot(
            index="game", columns="method", values="value"
        )
        counts = {method: int(hits.sum()) for method, hits in exists.items()}
        three = exists[[m for m in exists if m != _BEST_REPLY]].fillna(False).all(axis=1)
        lines.append({"level": name, "games": len(exists), **counts, "all three": int(three.sum())})
    return pd.DataFrame(lines)


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """The means of every quantity: one line a quantity, group, range of levels, method and level.

    Returns
    -------
    DataFrame
        Columns quantity, group (``CATALOGUE`` or a family of draws), levels, method, comparison,
        those of ``results.statistics.estimate``, rank (of methods in a family, at one level), size
        (of the set), games (their names, or "").
    """
    rows = _axis(frame)
    sets = [kept for quantity in QUANTITIES for kept in _sets(_values(rows, quantity), quantity)]
    if not sets:
        return pd.DataFrame()
    kept = pd.concat(sets, ignore_index=True)
    for name in _KEYS[:-1]:
        kept[name] = pd.Categorical(kept[name], kept[name].unique(), ordered=True)
    means = estimate(kept, [*_KEYS, "metric", "comparison"])
    ranks = _ranks(kept[kept["group"] != CATALOGUE])
    means = means.merge(ranks, "left", on=[*_KEYS, "comparison"])
    of_set = ["size", "games", "widest", "solver", "scale", "concept"]
    about = kept[[*_KEYS, *of_set]].drop_duplicates(_KEYS)
    return means.merge(about, on=_KEYS, how="left")


def _ranks(draws: pd.DataFrame) -> pd.DataFrame:
    """The rank groups at each level, by quantities of which one direction is better."""
    keys = [*_KEYS[:-1], "comparison"]
    parts = [
        rank_groups(part, keys, str(metric), together=keys[1:]).reset_index()
        for metric, part in draws.groupby("metric", observed=True)
        if METRICS[str(metric)].better
    ]
    none = pd.DataFrame(columns=[*_KEYS, "comparison", "rank"], dtype=object)
    return pd.concat(parts) if parts else none


def table(means: pd.DataFrame) -> pd.DataFrame:
    """Lines of ``curves`` with one column a level; sets of games have no interval and no rank."""
    statistics = ["mean", "low", "high", "least", "greatest", "repetitions", "rank"]
    long = means.melt([*_KEYS, "size", "comparison"], statistics, "statistic")
    long["statistic"] = long["statistic"].astype(pd.CategoricalDtype(statistics, ordered=True))
    long = long.dropna(subset="value").set_index([*_KEYS, "size", "comparison", "statistic"])
    wide = pd.DataFrame(long["value"].unstack(["comparison", "statistic"])).sort_index(axis=1)
    wide = wide.infer_objects()
    order = means[[*_KEYS, "size"]].drop_duplicates()
    return wide.reindex(pd.MultiIndex.from_frame(order))


def findings(means: pd.DataFrame) -> list[str]:
    """How many games each set has, and which they are."""
    of_games = means[means["group"] == CATALOGUE]
    sets: dict[tuple[str, int, str], list[str]] = {}
    keys = ["levels", "size", "games", "quantity"]
    for levels, size, games, quantity in of_games[keys].drop_duplicates().itertuples(index=False):
        sets.setdefault((levels, size, games), []).append(quantity)
    return [
        f"{levels}: {n_games(size)} ({games}), for {'; '.join(quantities)}."
        for (levels, size, games), quantities in sets.items()
    ]


def figure(means: pd.DataFrame) -> "Figure | None":
    """One panel a quantity, over the levels of the widest range; None if there is no game."""
    if means.empty:
        return None
    of_games = means[means["group"] == CATALOGUE]
    of_games = of_games[of_games["widest"]]
    if of_games.empty:
        return None
    styles = style.method_styles(of_games)
    names = categories(of_games["comparison"])
    drawn = {title: of_games[of_games["quantity"] == title] for title in of_games["quantity"]}
    place = {name: float(k) for k, name in enumerate(names)}
    columns = fitting(len(drawn), 1.9)
    lines = -(-len(drawn) // columns)
    metrics = {quantity.title: quantity.metric for quantity in QUANTITIES}
    with style.settings():
        legend = panels.legend(styles, drawn.values(), "lines", True)
        sheet = Sheet(
            "Stronger optimisation, from left to right: what each concept gains and loses\n"
            "Means over games that every method reaches at every strength",
            legend,
            1.95 * lines,
        )
        grid = sheet.some_panels(0, len(drawn), columns)
        for k, (axes, (title, part)) in enumerate(zip(grid, drawn.items(), strict=True)):
            at = part.assign(x=part["comparison"].astype(str).map(place))
            along(axes, at, "x", styles)
            axes.set_title(wrapped(f"{title}, {n_games(int(part['size'].iloc[0]))}", 28))
            axes.set_xticks(range(len(names)), [_tick(name) for name in names])
            axes.set_ylim(bottom=min(0.0, part["mean"].min()))
            axes.set_xlabel("strength: KL (nats)" if k + columns >= len(drawn) else "")
            axes.set_ylabel(panels.axis_words(metrics[title]))
    return sheet.figure


def _exact(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of exact solvers at equal strength that a quantity is made of."""
    asked = [*QUANTITIES, _REACH]
    frame = frame[frame["metric"].isin({quantity.metric for quantity in asked})]
    frame = frame[frame["experiment"].isin({quantity.question for quantity in asked})]
    solver = frame["solver"].astype(str)
    chosen = (solver == frame["concept"].astype(str) + "_exact") & (frame["scale"] == "tabular")
    params = frame["params"].astype(str)
    strength = {text: level(comparison_of(text)) for text in params[chosen].unique()}
    chosen &= ~params.map(strength).astype(float).isna()
    return frame[chosen & measured(frame) & frame["step"].isna()]


def _axis(frame: pd.DataFrame) -> pd.DataFrame:
    """The described rows along the axis; at tau = 0 SLHF stands for both of its methods."""
    rows = describe_by_comparison(_exact(frame), None)
    if _BEST_REPLY in set(rows["method"]):
        end = rows[(rows["comparison"] == NO_PENALTY) & (rows["method"] == _SLHF)].copy()
        names = list(rows["method"].cat.categories)
        end["method"] = pd.Categorical([_BEST_REPLY] * len(end), names, ordered=True)
        rows = pd.concat([rows, end], ignore_index=True)
    return rows


def _values(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """One value a unit, method and level: NaN if it does not exist, or only in part.

    The unit is the draw (seed and context) in a family, and the game in the catalogue.
    """
    rows = rows[(rows["experiment"] == quantity.question) & (rows["metric"] == quantity.metric)]
    rows = with_labels(rows, quantity.labels)
    if _BEST_REPLY not in set(rows.loc[rows["comparison"] != NO_PENALTY, "method"]):
        rows = rows[rows["method"] != _BEST_REPLY]
    if rows.empty:
        return rows.assign(group="")
    keys = rows.groupby(["game", "game_params"], observed=True, sort=False)
    kinds = [family_of(str(game).partition("(")[0], str(text)) for game, text in keys.size().index]
    group = np.array([kind or CATALOGUE for kind in kinds])[keys.ngroup().to_numpy()]
    units = fill_units(rows).assign(group=group)
    out = _combined(units, [*_METHOD_OF_GAME, "seed", "context"], quantity.within)
    games = _combined(out[out["group"] == CATALOGUE], _METHOD_OF_GAME, "mean")
    draws = out[out["group"] != CATALOGUE]
    return pd.concat([games.assign(seed=-1, context=-1), draws], ignore_index=True)


def _combined(rows: pd.DataFrame, keys: list[str], how: Literal["mean", "max"]) -> pd.DataFrame:
    """The mean or the largest of the values that agree in ``keys``; NaN if one does not exist."""
    values = rows.groupby(keys, observed=True, sort=False)["value"].agg([how, "count", "size"])
    return values[how].where(values["count"] == values["size"]).rename("value").reset_index()


def _sets(values: pd.DataFrame, quantity: Quantity) -> Iterator[pd.DataFrame]:
    """The values that each line averages: of one group, at a range of levels, on a fixed set."""
    if values.empty:
        return
    middle = middle_level(values)
    for group, part in values.groupby("group", observed=True, sort=False):
        names, methods = categories(part["comparison"]), categories(part["method"])
        if len(names) < 2:
            continue
        inside, sizes = pd.MultiIndex.from_frame(part[_UNIT]), {0}
        for asked in _ranges(names, middle):
            units = fixed_set(part, _UNIT, ["comparison", "method"], asked, methods)
            if len(units) in sizes:
                continue
            kept = part[inside.isin(units) & part["comparison"].isin(asked)]
            games = sorted(set(units.get_level_values("game")))
            yield kept.assign(
                seed=kept["seed"].astype("Int64").mask(kept["seed"] == -1),
                metric=quantity.metric,
                quantity=quantity.title,
                group=group,
                levels=_range(asked),
                size=len(units),
                games=_listed(games) if group == CATALOGUE else "",
                widest=len(sizes) == 1,
            )
            sizes.add(len(units))


def _ranges(names: list[str], middle: str | None) -> list[list[str]]:
    """All levels, and those up to the middle KL with tau = 0."""
    if middle is None:
        return [names]
    return [names, [n for n in names if n == NO_PENALTY or level(n) <= level(middle)]]


def _range(names: list[str]) -> str:
    """The levels in words: KL 0.01 to 1 and tau = 0."""
    kl = [f"{level(name):g}" for name in names if name != NO_PENALTY]
    text = f"KL {kl[0]} to {kl[-1]}" if len(kl) > 1 else f"KL {''.join(kl)}"
    return f"{text} and {NO_PENALTY}" if NO_PENALTY in names else text


def _listed(games: list[str]) -> str:
    more = f" and {len(games) - _MAX_LISTED} more" if len(games) > _MAX_LISTED else ""
    return ", ".join(games[:_MAX_LISTED]) + more


def _tick(name: str) -> str:
    return "no\npenalty" if name == NO_PENALTY else f"{level(name):g}".lstrip("0")
