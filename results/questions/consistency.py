"""Does the same preference give the same answer, and is it the majority's?"""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.frames import categories, comparison_in
from results.questions.layout import GAME_AND_METHOD, METHOD_KEYS, pivot
from results.questions.section import Column, Section, Table, label
from results.questions.sentences import count_games, largest_by_method, mean_over_games
from results.statistics import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("entropy", panel="entropy\n(nats)", top=None),
    Column("self_agreement"),
    Column("duality_gap", panel="duality\ngap"),
    Column("worst_win_rate", shown=False),
    Column("win_rate_over_ref", shown=False),
    Column("leader_value", panel="win rate against\nbest follower", top=0.5),
    Column("regret"),
    Column("condorcet_mass"),
    Column("smith_mass", panel="mass on the\nSmith set"),
    Column("copeland_mass", shown=False),
    Column("dominated_mass"),
    Column("clone_shift", panel="largest shift\nby a clone"),
    Column("cyclic_share", shown=False),
    Column("kl_to_ref", shown=False),
    Column("tau", shown=False),
    Column("residual", shown=False),
    Column("step_residual", shown=False),
)
_SURE = 0.99


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines game x comparison x method; clone_shift is the largest over the answer cloned."""
    return pivot(rows, METHOD_KEYS, ["metric"], COLUMNS, "max")


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines game x method of one comparison, and the columns that are shown."""
    return pivot(rows, GAME_AND_METHOD, ["metric"], [c for c in COLUMNS if c.shown], "max")


def findings(rows: pd.DataFrame) -> list[str]:
    """Agreement with itself, the Condorcet winner, clones."""
    of_metric = {
        metric: estimate(part, GAME_AND_METHOD, "max")
        for metric, part in rows.groupby("metric", observed=True)
    }
    out = []
    if "self_agreement" in of_metric:
        out.append(
            f"Two draws agree with probability {mean_over_games(of_metric['self_agreement'])}."
        )
    if "condorcet_mass" in of_metric:
        winners = of_metric["condorcet_mass"]
        sure = count_games(winners.assign(hit=winners["mean"] >= _SURE))
        out.append(f"A Condorcet winner gets probability >= {_SURE} from {sure}.")
    else:
        out.append("No game has a Condorcet winner.")
    if "clone_shift" in of_metric:
        moved = largest_by_method(of_metric["clone_shift"])
        out.append(f"Cloning one answer moves the rest by at most {moved}.")
    return out


def figure(rows: pd.DataFrame) -> "Figure":
    """What kind of answer each method gives: a line a game, a panel a metric."""
    drawn = [column for column in COLUMNS if column.panel]
    columns = {
        column.panel: estimate(rows[rows["metric"] == column.name], GAME_AND_METHOD, "max")
        for column in drawn
    }
    tops = {column.panel: column.top for column in drawn}
    games, styles = categories(rows["game"]), style.method_styles(rows)
    with style.settings():
        legend = panels.legend(styles, columns.values())
        title = f"What is answered at {comparison_in(rows)}"
        page = style.Page(title, legend, panels.height_of(games, styles))
        panels.dot_columns(page, 0, columns, games, styles, tops)
    return page.figure


SECTION = Section(
    name="consistency",
    title="Does the same preference give the same answer, and is it the majority's?",
    reading="Entropy 0 and self agreement 1 mean one answer always. The duality gap is what the "
    "best opponent of the whole policy gains, leader value what an answer keeps against a follower "
    "that has seen it; clone shift is the largest change of the answer when one answer is offered "
    "twice.",
    expected="With small tau the SLHF leader is almost deterministic while the NLHF policy must "
    "mix when no answer beats all others. NLHF and SLHF give a strict Condorcet winner and ignore "
    "clones; RLHF need do neither.",
    findings=findings,
    tables=(Table("consistency", table, COLUMNS, digest),),
    figure=figure,
    steps=False,
    labels={"action": label("action")},
    compared=True,
)
