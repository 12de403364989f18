"""How far from the exact answers do trained language models end, and at what cost?

The rows are those of consistency at the scale "llm": points of the training curves.
"""

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from results import panels, style
from results.comparisons import is_equal_strength
from results.curves import FLOOR, log_scales
from results.frames import categories
from results.intervals import Centre
from results.questions.layout import METHOD_KEYS, RANK, UNIT_KEYS, aggregate, widen
from results.questions.section import Column, Section, Table
from results.questions.sentences import n_games
from results.ranks import rank_groups
from results.sheet import Sheet, fitting
from results.statistics import estimate, fill_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGETS = ("generated_tokens", "judge_calls")
"""The costs at which methods are compared, by reading their curves at equal cost."""

_COSTS = (*BUDGETS, "optimizer_steps", "seconds")
_DISTANCES = (
    "tv_to_target",
    "tv_to_nash",
    "follower_tv",
    "duality_gap",
    "off_list_mass",
    "kl_to_ref",
)
_TOLERANCE = 0.2
_SMALLEST_TV = 1e-4
_MARKS = 5
"""Approximate number of dots on a curve."""

POINTS = (
    *(Column(name) for name in _DISTANCES),
    Column("diverged", "1 if the training has produced numbers that are not finite"),
    Column("off_target", "whether it ends more than 20% off the KL asked; such are not compared"),
    *(Column(name) for name in _COSTS),
)


def off_target(rows: pd.DataFrame) -> "pd.Series[bool]":
    """A mask of the rows of trainings that end more than 20% off the KL that was asked of them.

    The KL of a training is the mean over its contexts of ``kl_to_ref`` at the last step; a cell of
    several trainings is off target if one of them is. Cells without a ``kl`` among their parameters
    are not. Comparisons of "more" and "less" leave the masked rows out.
    """
    asked = rows["params"].astype(str).map(_asked)
    ends = rows[(rows["metric"] == "kl_to_ref") & rows["step"].notna() & asked.notna()]
    ends = ends[ends["step"] == ends.groupby("cell", observed=True)["step"].transform("max")]
    training = [ends[name].astype(str) for name in ("cell", "labels")]
    share = (ends["value"] / asked[ends.index].astype(float)).groupby(training).mean()
    off = share[~((share - 1).abs() <= _TOLERANCE)]
    return rows["cell"].astype(str).isin(off.index.get_level_values("cell"))


def _asked(params: str) -> float:
    return float(json.loads(params).get("kl", math.nan))


def curves(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method, seed and step; one column a metric."""
    trainings = fill_units(rows.assign(off_target=off_target(rows)))
    group = trainings.groupby([*METHOD_KEYS, "seed"], observed=True)
    off = group["off_target"].any().reset_index()
    costs = widen(rows[rows["metric"].isin(_COSTS)], [*METHOD_KEYS, "seed", "step"])
    rows = rows[rows["metric"].isin(_DISTANCES)]
    broken = rows[rows["metric"] == "off_list_mass"]
    broken = broken.assign(metric="diverged", value=(broken["status"] == "diverged").astype(float))
    wide = widen(pd.concat([rows, broken]), [*UNIT_KEYS, "step"])
    wide = wide.merge(costs, on=[*METHOD_KEYS, "seed", "step"], how="left")
    return wide.merge(off, on=[*METHOD_KEYS, "seed"], how="left")


def _with_target(rows: pd.DataFrame) -> pd.DataFrame:
    """The lines of ``curves`` about methods that have a target."""
    points = curves(rows)
    if "tv_to_target" not in points:
        return points.iloc[:0].assign(tv_to_target=math.nan)
    return points[points["tv_to_target"].notna()]


class _Ends(NamedTuple):
    """First and last points of trainings, and mean and middle distance of these to the target."""

    first: pd.DataFrame
    last: pd.DataFrame
    distance: Any
    middle: Any

    def spread(self, over: str, of: str) -> float:
        """Standard deviation over seeds or prompts of the mean over the other of the two."""
        cells = self.last.groupby([over, of], observed=True)["tv_to_target"].mean()
        return float(cells.groupby(level=over).mean().std())


def _ends(points: pd.DataFrame) -> _Ends:
    first, last = _by_training(points).head(1), _last(points)
    middle = _interval(last, "tv_to_target", "interquartile mean")
    return _Ends(first, last, _interval(last, "tv_to_target"), middle)


def _by_training(points: pd.DataFrame) -> Any:
    return points.sort_values("step").groupby(UNIT_KEYS, observed=True, sort=False)


def _last(points: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(_by_training(points).tail(1))


def _mean(points: pd.DataFrame, name: str) -> float:
    return float(points[name].mean()) if name in points else math.nan


def _interval(points: pd.DataFrame, metric: str, centre: Centre = "mean") -> Any:
    rows = points[["seed", "context"]].assign(metric=metric, value=points[metric])
    return estimate(rows, ["metric"], centre=centre).iloc[0]


def _spent(name: str) -> Callable[[_Ends], float]:
    return lambda ends: float(ends.last[name].mean())


COLUMNS = (
    Column("seeds", "number of trainings", lambda ends: ends.last["seed"].nunique()),
    Column(
        "start",
        "total variation to the method's exact answer before the training, the mean over seeds",
        lambda ends: ends.first["tv_to_target"].mean(),
    ),
    Column(
        "end",
        "total variation to the method's exact answer after the training, the mean over seeds",
        lambda ends: ends.distance["mean"],
    ),
    Column("low", "lower end of the 95% interval of the end", lambda ends: ends.distance["low"]),
    Column("high", "upper end of the 95% interval of the end", lambda ends: ends.distance["high"]),
    Column(
        "least",
        "smallest end of any seed, where there are too few for an interval",
        lambda ends: ends.distance["least"],
    ),
    Column("greatest", "largest end of any seed, there", lambda ends: ends.distance["greatest"]),
    Column(
        "middle",
        "interquartile mean of the end: without the lowest and the highest quarter of the seeds, "
        "so that one failed training does not decide it",
        lambda ends: ends.middle["mean"],
    ),
    Column("middle_low", "lower end of its 95% interval", lambda ends: ends.middle["low"]),
    Column("middle_high", "upper end of its 95% interval", lambda ends: ends.middle["high"]),
    Column(
        "sd_seeds",
        "standard deviation over seeds of the end, the mean over prompts: what training varies",
        lambda ends: ends.spread("seed", "context"),
    ),
    Column(
        "sd_prompts",
        "standard deviation over prompts of the end, the mean over seeds, where there are several: "
        "the intervals do not contain it",
        lambda ends: ends.spread("context", "seed"),
    ),
    Column(
        "to_nash",
        "for NLHF, total variation between the end and the regularised Nash equilibrium, which is "
        "not the target of every learner",
        lambda ends: _mean(ends.last, "tv_to_nash"),
    ),
    Column(
        "follower_start",
        "total variation of the follower's rows to their closed form before the training, weighted "
        "by the target's leader",
        lambda ends: _mean(ends.first, "follower_tv"),
    ),
    Column(
        "follower_end", "the same after the training", lambda ends: _mean(ends.last, "follower_tv")
    ),
    Column(
        "off_list",
        "invalid mass at the end: probability that the model says none of the listed answers",
        lambda ends: ends.last["off_list_mass"].mean(),
    ),
    Column(
        "kl_to_ref",
        "KL to the reference at the end, the mean over seeds; where the comparison names a KL, "
        "tau was chosen so that the exact answer has it",
        lambda ends: _mean(ends.last, "kl_to_ref"),
    ),
    Column(
        "off_target",
        "share of the trainings that end more than 20% off the KL asked; they are left out of "
        "sentences that compare methods",
        lambda ends: ends.last["off_target"].mean(),
    ),
    Column(
        "diverged",
        "share of the trainings that produced numbers that are not finite; they are read at "
        "their last checkpoint",
        lambda ends: ends.last["diverged"].mean(),
    ),
    *(Column(name, value=_spent(name)) for name in _COSTS),
)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method: distance to its exact answer, and the cost."""
    points = _with_target(rows)
    trainings = dict(list(points.groupby(METHOD_KEYS, observed=True)))
    last = _last(points)
    out = aggregate(last, METHOD_KEYS, COLUMNS, lambda last: _ends(trainings[_place(last)]))
    return _ranked(out, last, METHOD_KEYS, "tv_to_target")


def _ranked(
    table: pd.DataFrame, points: pd.DataFrame, keys: list[str], metric: str
) -> pd.DataFrame:
    """The table with the rank groups of its methods by the metric of the points."""
    if table.empty:
        return table
    rows = points[[*keys, "seed", "context"]].assign(metric=metric, value=points[metric])
    groups = rank_groups(rows, [key for key in keys if key != "method"], metric)
    lines = pd.MultiIndex.from_frame(table[list(groups.index.names)])
    table.insert(len(keys), f"{RANK} {metric}", groups.reindex(lines).fillna("-").to_numpy())
    return table


def _place(points: pd.DataFrame) -> tuple[str, ...]:
    return tuple(points[METHOD_KEYS].iloc[0])


PARITY = (
    Column("seeds", "number of trainings"),
    Column("limit", "the budget: the total cost of the cheapest method"),
    Column("spent", "how much of the budget was spent, the mean over seeds"),
    Column("duality_gap", "NashConv on the game, the same measure for every method"),
    Column("tv_to_target", "to the method's exact answer"),
)


def parity(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute parity: one line a game, comparison, budget and method, at equal cost.

    The budget is the total cost of the cheapest method. The other curves are read at their last
    point within it, and means are taken over seeds. Methods that spend none of the budgeted
    resource are left out. A curve that is cut is read before its learning rate has decayed: a
    training planned for the budget would end closer. At equal strength methods are ranked by the
    duality gap.
    """
    body, read = [], []
    groups = curves(rows).groupby(["game", "comparison"], observed=True, sort=False)
    for (game, comparison), points in groups:
        for budget in BUDGETS:
            most = points.groupby(["method", "seed"], observed=True)[budget].max()
            least = most.groupby("method", observed=True).min()
            payers = least[least > 0]
            if payers.empty:
                continue
            limit = float(payers.min())
            within = points[points["method"].isin(payers.index) & (points[budget] <= limit)]
            last = _last(within).assign(budget=budget)
            read += [last[~last["off_target"]]] if is_equal_strength(str(comparison)) else []
            for method, part in last.groupby("method", observed=True):
                body.append(
                    {"game": game, "comparison": comparison, "budget": budget, "method": method}
                    | {"seeds": part["seed"].nunique(), "limit": limit}
                    | {"spent": part[budget].mean()}
                    | {name: _mean(part, name) for name in ("duality_gap", "tv_to_target")}
                )
    out = pd.DataFrame(body)
    keys = ["game", "comparison", "budget", "method"]
    return _ranked(out, pd.concat(read), keys, "duality_gap") if read else out


def findings(rows: pd.DataFrame) -> list[str]:
    """How far each learner ends from its exact answer, over all games, with intervals."""
    out = []
    points = _with_target(rows)
    for (comparison, method), part in points.groupby(["comparison", "method"], observed=True):
        ends = _ends(part)
        last = ends.last
        line = f"{comparison}, {method}: total variation to its exact answer, mean over "
        line += f"{n_games(last['game'].nunique())}, {ends.first['tv_to_target'].mean():.3f} "
        line += f"before the training and {_estimate_text(last, 'tv_to_target')} after it"
        if "follower_tv" in last and last["follower_tv"].notna().any():
            line += f"; the follower's rows {ends.first['follower_tv'].mean():.3f} and "
            line += _estimate_text(last, "follower_tv")
        if "tv_to_nash" in last and last["tv_to_nash"].notna().any():
            line += f"; to the regularised equilibrium {_estimate_text(last, 'tv_to_nash')}"
        worst = last.groupby("game", observed=True)["tv_to_target"].mean()
        line += f". The farthest is {worst.idxmax()} with {worst.max():.3f}"
        line += f"; said off the list: {last['off_list_mass'].max():.4f} at most"
        if last["off_target"].any():
            line += f"; {last['off_target'].sum():.0f} of {len(last)} trainings end more than 20% "
            line += "off the KL asked and are left out of comparisons"
        if last["diverged"].any():
            line += f"; {last['diverged'].sum():.0f} of {len(last)} trainings diverged"
        out.append(f"{line}.")
    return out


def _estimate_text(points: pd.DataFrame, metric: str) -> str:
    e = _interval(points, metric)
    if math.isnan(e["low"]):
        few = "" if math.isnan(e["least"]) else f": {e['least']:.3f} to {e['greatest']:.3f}"
        return f"{e['mean']:.3f} (n = {e['n']}{few})"
    return f"{e['mean']:.3f} [{e['low']:.3f}, {e['high']:.3f}] (n = {e['n']} seeds)"


def figure(rows: pd.DataFrame) -> "Figure | None":
    """Distance to the method's exact answer against optimiser steps, one panel a game.

    Lines are means over seeds; bands reach from the smallest to the largest value. Only the first
    comparison is drawn. None if no method has a target.
    """
    from matplotlib.lines import Line2D

    points = _with_target(rows)
    points = points[points["step"] > 0]
    if points.empty:
        return None
    points = points[points["comparison"] == categories(points["comparison"])[0]]
    games = categories(points["game"])
    styles = style.method_styles(rows[rows["method"].isin(set(points["method"]))])
    across = fitting(len(games), 1.3)
    with style.settings():
        key = panels.legend(styles, [], "lines")
        key["smallest to largest of the seeds"] = Line2D(
            [], [], color=style.GREY, linewidth=5.0, alpha=0.3
        )
        sheet = Sheet(_title(rows), key, 1.5 * -(-len(games) // across))
        top = 1.3 * float(points["tv_to_target"].max())
        low = max(_SMALLEST_TV, float(points["tv_to_target"].clip(lower=FLOOR).min()) / 1.5)
        for k, (axes, game) in enumerate(
            zip(sheet.some_panels(0, len(games), across), games, strict=True)
        ):
            part = points[points["game"].astype(str) == game]
            for method, of_method in styles.items():
                of_training = part[part["method"].astype(str) == method]
                group = of_training.groupby("step", observed=True)
                spent = group["optimizer_steps"].mean()
                band = group["tv_to_target"].agg(["min", "mean", "max"]).clip(lower=low)
                every = max(1, len(spent) // _MARKS)
                axes.plot(spent, band["mean"], markevery=every, **of_method.curve())
                axes.fill_between(
                    spent.to_numpy(float), band["min"].to_numpy(), band["max"].to_numpy(),
                    color=of_method.colour, alpha=0.12, linewidth=0,
                )  # fmt: skip
            log_scales(axes)
            axes.set(ylim=(low, top), title=panels.shown_name(_inner_game(game)))
            axes.tick_params(axis="y", labelleft=k % across == 0)
            axes.set_xlabel("optimiser steps" if k + across >= len(games) else "")
            axes.set_ylabel("total variation\n(lower is better)" if k % across == 0 else "")
    return sheet.figure


def _title(rows: pd.DataFrame) -> str:
    """How far training brings the models to the exact answer of their concept."""
    ends = _ends(_with_target(rows))
    return (
        "How near trained language models come to the exact answer of their concept\n"
        f"Total variation to it, mean over games and methods: "
        f"{ends.first['tv_to_target'].mean():.2f} before, "
        f"{ends.last['tv_to_target'].mean():.2f} after training"
    )


def _inner_game(game: str) -> str:
    return game.removeprefix("laddered(game=").removesuffix(")")


SECTION = Section(
    name="trainings",
    title="Where do trained language models end?",
    reading="Total variation between a model's probabilities of the listed answers and the exact "
    "answer that its learner should converge to, before and after the training. In the table at "
    "equal cost, every curve is read at the last point within the total cost of the cheapest "
    "method.",
    expected="The distance falls a lot and does not reach 0, because the gradients are estimated "
    "from samples and the training stops after a fixed number of steps. Nash-MD-PG with a fixed "
    "mixture as the opponent ends at the fixed point of that mixture, which is its exact answer in "
    "this table, and not at the regularised Nash equilibrium.",
    findings=findings,
    tables=(
        Table("trainings", table, COLUMNS, absent="no learner of this run has a target"),
        Table("compute_parity", parity, PARITY),
        Table("training_curves", curves, POINTS, shown=False),
    ),
    figure=figure,
    experiment="consistency",
    scale="llm",
    steps=True,
)
