"""Where trained language models end, seen from the exact answers, and what it took.

The rows are those of consistency at the scale "llm": points of the training curves.
"""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import style
from results.algorithms import FLOOR, PLACE, UNIT, key, log_scales, looks_of, rows_of, spread
from results.frames import categories
from results.rows import RunError
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGETS = ("generated_tokens", "judge_calls")
"""What methods are held equal in, by reading their curves there."""

_ACCOUNT = (*BUDGETS, "optimizer_steps", "seconds")
_DISTANCES = (
    "tv_to_target",
    "tv_to_nash",
    "follower_tv",
    "duality_gap",
    "off_list_mass",
    "kl_to_ref",
)
_COLUMNS = 4


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method, seed and step; one column a metric.

    Raises
    ------
    RunError
        As for every function here: a column is missing, or no language model was trained.
    """
    rows = rows_of(frame, "consistency")
    rows = rows[(rows["scale"] == "llm") & rows["step"].notna()]
    if rows.empty:
        raise RunError("consistency: no language model was trained in this run")
    spent = rows[rows["metric"].isin(_ACCOUNT)]
    own = rows[rows["metric"].isin(_DISTANCES)]
    broken = own[own["metric"] == "off_list_mass"]
    broken = broken.assign(metric="diverged", value=(broken["status"] == "diverged").astype(float))
    own = pd.concat([own, broken])
    paid = spread(spent, [*PLACE, "seed", "step"])
    return spread(own, [*UNIT, "step"]).merge(paid, on=[*PLACE, "seed", "step"], how="left")


def _ends(told: pd.DataFrame, first: bool = False) -> pd.DataFrame:
    ordered = told.sort_values("step").groupby(UNIT, observed=True, sort=False)
    return ordered.head(1) if first else ordered.tail(1)


def trainings(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method: distance to its own exact answer, and the cost.

    start and end: total variation to the target before and after, means over seeds; low and high:
    the 95% interval of the end. to_nash: for NLHF, the end's distance to the regularised
    equilibrium, which is not the target of every learner. follower_start and follower_end: of the
    follower's rows, weighted by the target's leader. off_list: probability of saying none of the
    answers, at the end. diverged: share of the trainings that left the finite numbers; they are
    read at their last checkpoint. The rest is what was spent, a mean over seeds.
    """
    told = curves(frame)
    if "tv_to_target" not in told:
        raise RunError("consistency: no learner of this run has a target")
    told = told[told["tv_to_target"].notna()]
    lines = []
    last, first = (own.groupby(PLACE, observed=True, sort=False) for own in _both(told))
    begins = {place: own for place, own in first}
    for place, own in last:
        before = begins[place]
        end = _interval(own, "tv_to_target")
        lines.append(
            dict(zip(PLACE, place, strict=True))
            | {"seeds": own["seed"].nunique(), "start": before["tv_to_target"].mean()}
            | {"end": end["mean"], "low": end["low"], "high": end["high"]}
            | {"to_nash": _mean(own, "tv_to_nash"), "follower_start": _mean(before, "follower_tv")}
            | {"follower_end": _mean(own, "follower_tv")}
            | {"off_list": own["off_list_mass"].mean(), "diverged": own["diverged"].mean()}
            | {name: own[name].mean() for name in _ACCOUNT}
        )
    return pd.DataFrame(lines)


def _both(told: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return _ends(told), _ends(told, first=True)


def _mean(own: pd.DataFrame, name: str) -> float:
    return float(own[name].mean()) if name in own else math.nan


def _interval(own: pd.DataFrame, metric: str) -> Any:
    rows = own[["seed", "context"]].assign(metric=metric, value=own[metric])
    return estimate(rows, ["metric"]).iloc[0]


def parity(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, budget and method: where each stands at equal cost.

    The budget is what the method that spent least there spent in all; the others are read off
    their curves at the last point within it. Methods that spend none of it are left out. Means over
    seeds. duality_gap is on the game, the same measure for all; tv_to_target is to each method's
    own target. A curve that is cut is read before its learning rate has fallen: a training planned
    for the budget would end nearer.
    """
    told = curves(frame)
    lines = []
    for (game, comparison), own in told.groupby(["game", "comparison"], observed=True, sort=False):
        for budget in BUDGETS:
            most = own.groupby(["method", "seed"], observed=True)[budget].max()
            least = most.groupby("method", observed=True).min()
            payers = least[least > 0]
            if payers.empty:
                continue
            limit = float(payers.min())
            within = own[own["method"].isin(payers.index) & (own[budget] <= limit)]
            within = _ends(within)
            for method, part in within.groupby("method", observed=True):
                lines.append(
                    {"game": game, "comparison": comparison, "budget": budget, "limit": limit}
                    | {"method": method, "spent": part[budget].mean()}
                    | {name: _mean(part, name) for name in ("duality_gap", "tv_to_target")}
                )
    return pd.DataFrame(lines)


def findings(frame: pd.DataFrame) -> list[str]:
    """How far each learner ends from its exact answer, over all games, with what interval."""
    told = curves(frame)
    told = told[told["tv_to_target"].notna()]
    ended, began = _both(told)
    out = []
    for (comparison, method), own in ended.groupby(["comparison", "method"], observed=True):
        here = (began["comparison"] == comparison) & (began["method"] == method)
        line = f"{comparison}, {method}: total variation to its exact answer, mean over "
        line += f"{own['game'].nunique()} games, {began.loc[here, 'tv_to_target'].mean():.3f} "
        line += f"before the training and {_shown(own, 'tv_to_target')} after it"
        if "follower_tv" in own and own["follower_tv"].notna().any():
            line += f"; the follower's rows {began.loc[here, 'follower_tv'].mean():.3f} and "
            line += _shown(own, "follower_tv")
        if "tv_to_nash" in own and own["tv_to_nash"].notna().any():
            line += f"; to the regularised equilibrium {_shown(own, 'tv_to_nash')}"
        worst = own.groupby("game", observed=True)["tv_to_target"].mean()
        line += f". The farthest is {worst.idxmax()} with {worst.max():.3f}"
        line += f"; said off the list: {own['off_list_mass'].max():.4f} at most"
        if own["diverged"].any():
            line += f"; {own['diverged'].sum():.0f} of {len(own)} trainings diverged"
        out.append(f"{line}.")
    return out


def _shown(own: pd.DataFrame, metric: str) -> str:
    told = _interval(own, metric)
    if math.isnan(told["low"]):
        return f"{told['mean']:.3f} (n = {told['n']})"
    return f"{told['mean']:.3f} [{told['low']:.3f}, {told['high']:.3f}] (n = {told['n']} seeds)"


def figure(frame: pd.DataFrame) -> "Figure":
    """Distance to the method's own exact answer against steps, a panel a game.

    Lines are means over seeds, bands reach from the least to the largest. Of several comparisons
    the first is shown.
    """
    told = curves(frame)
    told = told[told["tv_to_target"].notna() & (told["step"] > 0)]
    told = told[told["comparison"] == categories(told["comparison"])[0]]
    games, looks = categories(told["game"]), looks_of(told)
    rows = -(-len(games) // _COLUMNS)
    with style.settings():
        title = "Trained language models: distance to the exact answer of their concept"
        page = style.Page(title, key(looks), *[1.45] * rows)
        top = 1.3 * float(told["tv_to_target"].max())
        low = max(1e-4, float(told["tv_to_target"].clip(lower=FLOOR).min()) / 1.5)
        for i in range(rows):
            here = games[i * _COLUMNS : (i + 1) * _COLUMNS]
            panels = page.panels(i, 1, len(here), left=0.7)[0]
            for k, (axes, game) in enumerate(zip(panels, here, strict=True)):
                own = told[told["game"].astype(str) == game]
                for method, (colour, _) in looks.items():
                    group = own[own["method"].astype(str) == method].groupby("step", observed=True)
                    spent = group["optimizer_steps"].mean()
                    band = group["tv_to_target"].agg(["min", "mean", "max"]).clip(lower=low)
                    axes.plot(spent, band["mean"], color=colour)
                    axes.fill_between(
                        spent.to_numpy(float), band["min"].to_numpy(), band["max"].to_numpy(),
                        color=colour, alpha=0.12, linewidth=0,
                    )  # fmt: skip
                log_scales(axes)
                axes.set(ylim=(low, top), title=_short(game))

                axes.tick_params(axis="y", labelleft=k == 0)
                axes.set_xlabel("steps of the optimiser" if i == rows - 1 else "")
            panels[0].set_ylabel("total variation")
    return page.figure


def _short(game: str) -> str:
    return game.removeprefix("laddered(game=").removesuffix(")")
