"""Up to which step size is a fixed point stable? Tables, sentences and a figure of these rows."""

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import style
from results.algorithms import FLOOR, UNIT, key, log_scales, looks_of, placed, rows_of, spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NEAR = 1e-6


def stability(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a game (context), comparison and method: limits of the step size, and both sides.

    ratio: observed over predicted. kl_0.95, kl_1.05, ...: KL(target | policy) after a run from
    afar with that share of the predicted limit.
    """
    rows = rows_of(frame, "stability", route="", of_limit=math.nan)
    rows = rows[rows["metric"].isin(("omega", "step_limit", "kl_to_target"))]
    name = rows["metric"].astype(str)
    name = name.mask(name == "step_limit", rows["route"].astype(str))
    factor = rows["of_limit"].map(lambda share: f"kl_{share:g}")
    name = name.mask(name == "kl_to_target", factor)
    wide = spread(rows.assign(metric=name), UNIT)
    for column in ("predicted", "observed"):
        if column not in wide:
            wide[column] = math.nan
    wide["ratio"] = wide["observed"] / wide["predicted"]
    return placed(wide)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One line a comparison and method: the limits' range over games, and runs that settle.

    ratio_low and ratio_high are of observed over predicted; settled_0.95, ... tells in how many
    of the runs with that share of the predicted limit the KL to the target ends below 1e-6.
    """
    told = stability(frame)
    group = told.groupby(["comparison", "method"], observed=True, sort=False)
    out = group.agg(
        games=("omega", "size"),
        limit_low=("predicted", "min"),
        limit_high=("predicted", "max"),
        ratio_low=("ratio", "min"),
        ratio_high=("ratio", "max"),
    )
    for column in [str(name) for name in told if str(name).startswith("kl_")]:
        out[f"settled_{column[3:]}"] = group[column].agg(
            lambda runs: f"{(runs < _NEAR).sum()} of {runs.notna().sum()}"
        )
    return out.reset_index()


def findings(frame: pd.DataFrame) -> list[str]:
    """How well the linearisation predicts the limit, and what happens on both sides of it."""
    told, out = stability(frame), []
    for method, own in told.groupby("method", observed=True):
        both = own.dropna(subset="ratio")
        if both.empty:
            out.append(f"{method}: stable at every step size, or no formula.")
            continue
        line = (
            f"{method}: observed / predicted limit in [{both['ratio'].min():.3f}, "
            f"{both['ratio'].max():.3f}] ({len(both)} games)"
        )
        for column in [name for name in own if str(name).startswith("kl_")]:
            runs = own[column].dropna()
            near = (runs < _NEAR).sum()
            line += f"; at {str(column)[3:]} of it {near} of {len(runs)} runs end within 1e-6 nats"
        out.append(f"{line}.")
    return out


def figure(frame: pd.DataFrame) -> "Figure":
    """Observed against predicted limit, and where runs beside the limit end."""
    told = stability(frame)
    looks = looks_of(told)
    sides = [str(name) for name in told if str(name).startswith("kl_")]
    with style.settings():
        page = style.Page("Up to which step size is it stable?", key(looks), 2.6)
        row = page.panels(0, 1, 1 + len(sides), left=0.7, apart=(0.45, 0))[0]
        both = told.dropna(subset="ratio")
        low, high = both["predicted"].min() / 1.5, both["predicted"].max() * 1.5
        row[0].plot([low, high], [low, high], color=style.FAINT, linewidth=1.0, zorder=0)
        row[0].set(xlabel="predicted limit of eta", ylabel="observed limit")
        for axes, name in zip(row[1:], sides, strict=True):
            axes.set(xlabel="predicted limit of eta", title=f"KL to target at {name[3:]} of it")
        for method, (colour, marker) in looks.items():
            own = both[both["method"].astype(str) == method]
            look: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": ""}
            row[0].plot(own["predicted"], own["observed"], **look)
            for axes, name in zip(row[1:], sides, strict=True):
                axes.plot(own["predicted"], own[name].clip(lower=FLOOR), **look)
        for axes in row:
            log_scales(axes)
    return page.figure
