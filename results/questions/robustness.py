"""What do intransitivity and bad labels cost, and does the answer jump?"""

import math
from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.comparisons import strength_words
from results.curves import curves
from results.frames import Labels, categories, comparison_in
from results.questions.layout import GAME_AND_METHOD, estimate_each, pivot
from results.questions.section import ALL, Column, Section, Table, label, shared_by_methods
from results.questions.sentences import in_common, largest_by_method, means_in_words
from results.sheet import Sheet, wrapped
from results.statistics import estimate, fill_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("duality_gap", panel="duality gap"),
    Column("worst_win_rate", shown=False),
    Column("leader_value", shown=False, panel="win rate against\nthe best reply", top=0.5),
    Column("regret"),
    Column("shift", panel="shift from t = 0\n(total variation)"),
    Column("largest_shift"),
    Column("cyclic_share", shown=False),
)
_MAX_PATHS = 3
_POINT = ["game", "path", "t", "seed", "context"]
_JUDGED_AT_T = ("cyclic", "annotators")
_NEEDS_NOISE = ("random_raters", "reversed_raters", "balanced_position")
_SENTENCES = {
    "duality_gap": "the gap reaches",
    "largest_shift": "the largest step between neighbours is",
}
_ALONG = {
    "cyclic": "t: cyclic share",
    "annotators": "t: share of that type",
    "random_raters": "t: share of random raters",
    "reversed_raters": "t: share of reversed raters",
    "random_flips": "t: share of the flips",
    "adversarial_flips": "t: share of the flips",
    "hard": "t: twice the flip rate of a tie",
    "one_sided": "t: twice the flip rate",
}


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, path and t; columns metric x method.

    ``largest_shift``, the largest shift between neighbouring points, is a property of the whole
    path and is listed at its end, t = 1. ``cyclic_share`` is the same for every method.
    """
    return pivot(rows, ["game", "comparison", "path", "t"], ["metric", "method"], COLUMNS)


def headline_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without paths that are arithmetic: they say nothing about noise.

    That is ``temperature`` always, and paths that are, or nearly are, a change of temperature when
    the comparisons are infinitely many.
    """
    infinite = rows["comparisons"] == math.inf
    arithmetic = rows["name"] == "temperature"
    return rows[~(arithmetic | (infinite & rows["name"].isin(_NEEDS_NOISE)))]


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest value on each path: one line a game and path."""
    columns = [column for column in COLUMNS if column.shown]
    return pivot(headline_rows(rows), ["game", "path"], ["metric", "method"], columns, "max")


def findings(rows: pd.DataFrame) -> list[str]:
    """For each kind of path, the largest gap and step where all methods have a value.

    Regret is in the tables only: its units differ, log-odds for RLHF and probability for others.
    """
    rows = headline_rows(rows)
    rows = rows[rows["metric"].isin(list(_SENTENCES))]
    if rows.empty:
        return []
    out, common = [], in_common(rows, ["kind", "metric", *_POINT])
    estimates = estimate(common, ["kind", "metric", *GAME_AND_METHOD], "max")
    for kind in categories(rows["kind"]):
        for metric, words in _SENTENCES.items():
            chosen, points, values = (
                part[(part["kind"] == kind) & (part["metric"] == metric)]
                for part in (rows, common, estimates)
            )
            if chosen.empty:
                continue
            largest = largest_by_method(values)
            what = "paths" if metric == "largest_shift" else "points"
            n, of = (len(fill_units(part)[_POINT].drop_duplicates()) for part in (points, chosen))
            out.append(f"Path {kind}: {words} {largest}, over {n} of {of} {what}.")
    return out


def figure(rows: pd.DataFrame) -> "Figure | None":
    """One game along three paths, and the largest step between neighbours in every game.

    Noise in finite data comes first, then the other paths, one of each kind. The game is the first
    among those with the most of these kinds.
    """
    rows = headline_rows(rows)
    if rows.empty:
        return None
    kinds = sorted(categories(rows["kind"]), key=lambda kind: _rank(rows[rows["kind"] == kind]))
    rows = rows[rows["kind"].isin(kinds[:_MAX_PATHS])]
    featured = str(rows.groupby("game", observed=True)["kind"].nunique().idxmax())
    of_game = rows[rows["game"] == featured]
    paths = {
        categories(part["path"])[0]: str(part["name"].iloc[0])
        for part in (of_game[of_game["kind"] == kind] for kind in kinds[:_MAX_PATHS])
        if len(part)
    }
    drawn = [column for column in COLUMNS if column.panel]
    of_panels = of_game["metric"].isin([column.name for column in drawn])
    of_panels &= of_game["path"].isin(list(paths))
    points = estimate(of_game[of_panels], ["path", "metric", "method", "t"])
    along = {
        (i, k): points[(points["metric"] == column.name) & (points["path"] == path)]
        for i, column in enumerate(drawn)
        for k, path in enumerate(paths)
    }
    steps = rows[rows["metric"] == "largest_shift"]
    measured = steps.groupby("kind", observed=True)["game"].nunique()
    steps = steps[steps["kind"].isin(measured.index[measured >= measured.max() / 2])]
    by_kind = estimate_each(steps, "kind", ["metric", *GAME_AND_METHOD], "max")
    columns = {
        f"largest step,\n{panels.shown_name(kind)}": by_kind[kind]
        for kind in kinds[:_MAX_PATHS]
        if kind in by_kind
    }
    shown = [panels.Panel(title, e, "total variation") for title, e in columns.items()]
    games, styles = categories(steps["game"]), style.method_styles(rows[rows["method"] != ALL])
    title = f"What bad or cyclic preferences cost {strength_words(comparison_in(rows))}"
    if columns:
        name, steps_of = max(columns.items(), key=lambda item: item[1]["game"].nunique())
        kind = " ".join(name.split()[2:])
        title += f"\n{means_in_words(steps_of, f'largest step on the path {kind}')}"
    with style.settings():
        legend = panels.legend(styles, [*along.values(), *columns.values()], "lines", True)
        sheet = Sheet(title, legend, 4.2, panels.dots_height(shown, games, styles))
        sheet.heading(0, f"Along the paths of the game {featured.replace('_', ' ')}")
        grid = sheet.panels(0, len(drawn), len(paths))
        for (i, k), estimates in along.items():
            axes, top = grid[i, k], drawn[i].top or 1.0
            if estimates.empty:
                axes.set_axis_off()
                continue
            curves(axes, estimates, "t", styles, every=5)
            panels.limit(axes, "x", 0.5 if estimates["t"].max() <= 0.5 else 1.0)
            axes.tick_params(axis="x", labelbottom=i == len(drawn) - 1)
            panels.limit(axes, "y", top, labels=k == 0)
        for k, (path, name) in enumerate(paths.items()):
            grid[0, k].set_title(panels.shown_name(path), pad=11)  # crosses stand below it
            words = _ALONG.get(name, "t: share of the bonus")
            grid[-1, k].set_xlabel(wrapped(words, 45 // len(paths)))
        for line, column in zip(grid, drawn, strict=True):
            line[0].set_ylabel(panels.axis_words(column.name, column.panel))
        sheet.heading(1, "In every game: does the answer jump?")
        panels.dot_panels(sheet, 1, shown, games, styles)
    return sheet.figure


def _rank(rows: pd.DataFrame) -> bool:
    """Whether a kind of path is not one of noise in finite data; those are drawn first."""
    return bool((rows["comparisons"] == math.inf).any() or rows["name"].iloc[0] in _JUDGED_AT_T)


def _kind(labels: Labels) -> str:
    """The path, with what else it depends on: "random raters (20 raters, 300 comparisons)"."""
    details = [f"{labels[name]} {name}" for name in ("raters", "flips") if name in labels]
    if "bonus" in labels:
        details.append(f"bonus {labels['bonus']:g}")
    if "n_comparisons" in labels:
        details.append(f"{labels['n_comparisons']:,} comparisons")
    name = str(labels["path"]).replace("_", " ")
    return f"{name} ({', '.join(details)})" if details else name


def _path(labels: Labels) -> str:
    kind = _kind(labels)
    if "type" in labels:
        return f"{kind}, type {labels['type']}"
    if "action" in labels:
        return f"{kind}, {'for' if labels['path'] == 'bias' else 'against'} {labels['action']}"
    return kind


SECTION = Section(
    name="robustness",
    title="What do intransitivity and bad labels cost, and does the answer jump?",
    reading="A path is a family of games from t = 0 on, and each line shows the largest value on "
    "one path. cyclic: the preferences turn from a ranking into pure cycles, t being the cyclic "
    "share. annotators: one user type grows from no users to all. On these two the game at t "
    "judges; on the others labels go wrong, and the clean game judges. random and reversed raters: "
    "a share t of the raters tosses coins or says the opposite. random and adversarial flips: so "
    "many labels are flipped, by chance or by a greedy adversary of each method, which shows at "
    "least how far so many labels can move it. hard: close pairs are mislabelled more often. one "
    "sided: one answer loses comparisons that it had won. bias: one answer gets a bonus, e.g. for "
    "its length. position: the answer shown first gets it. With a number of comparisons, these are "
    "all that a method knows, the same at every t, and intervals are over data sets (seeds). "
    "Largest shift is the largest total variation between the answers at neighbouring points; near "
    "1, the answer jumps. Regret is in each method's own objective, not one for all.",
    expected="The path temperature, (1 - t) P + t / 2, is not noise but arithmetic, and in the "
    "full table only: NLHF and SLHF answer at tau as they answer the clean game at "
    "tau / (1 - t), and at tau = 0 nothing moves. Random raters, with infinitely many "
    "comparisons, do the same, reversed ones with 1 - 2t; a position bonus in "
    "balanced order nearly so for margins near 0. All three appear above in finite "
    "data only. Preferences that change in a monotone way, as on the path hard, leave "
    "the SLHF leader at tau = 0 where it is. cyclic: RLHF sees the transitive part "
    "only, and equally compared pairs change little but its temperature: compare at "
    "equal KL, as the findings do. At tau = 0 RLHF and the SLHF leader jump where two "
    "answers swap ranks; the Nash policy of NLHF moves continuously while the "
    "equilibrium is unique, and jumps where one answer starts or ceases to beat all "
    "others. On the paths cyclic and annotators the duality gap of NLHF at tau = 0 is "
    "0 by definition. At tau > 0 all three move continuously, so that their largest "
    "shift shrinks as more points are put on a path of infinite data.",
    findings=findings,
    tables=(Table("robustness", table, COLUMNS, digest),),
    figure=figure,
    steps=False,
    labels={
        "name": label("path"),
        "kind": _kind,
        "comparisons": lambda labels: float(labels.get("n_comparisons") or "inf"),
        "path": _path,
        "t": lambda labels: float(labels.get("t", 1)),
    },
    arrange=lambda rows: shared_by_methods(rows, "cyclic_share"),
    compared=True,
)
