"""Does the same preference give the same answer, and is it the majority's?"""

from typing import TYPE_CHECKING

import pandas as pd

from results import panels, style
from results.comparisons import void_metrics
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
    """One line a game, comparison and method; clone_shift is the largest over cloned answers."""
    return pivot(rows, METHOD_KEYS, ["metric"], COLUMNS, "max")


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The shown columns of one comparison, one line a game and method."""
    return pivot(rows, GAME_AND_METHOD, ["metric"], [c for c in COLUMNS if c.shown], "max")


def findings(rows: pd.DataFrame) -> list[str]:
    """Sentences on self-agreement, Condorcet winners and clones."""
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
    """What kind of answer each method gives: one line a game, one panel a metric."""
    void = void_metrics(comparison_in(rows))
    drawn = [column for column in COLUMNS if column.panel and column.name not in void]
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
    reading="Each method turns the preferences into a policy, a distribution over answers. Entropy "
    "0 and self-agreement 1 mean that it always gives the same answer. The duality gap is how far "
    "the policy can be exploited: the margin by which the best opposing policy is preferred to it. "
    "Leader value is the win rate left when a follower first sees the answer and then gives the "
    "reply that beats it most often. Clone shift is the largest change of the policy (total "
    "variation) when one answer is listed twice. Compare methods only within one table, which is "
    "of one strength of the KL penalty; equal tau is not equal strength, because tau of RLHF is in "
    "log-odds and that of the others in win probability.",
    expected="At tau = 0 (no penalty) RLHF and the SLHF leader give a single answer unless answers "
    "tie, while NLHF must mix whenever every answer is beaten by another one. At tau = 0 NLHF and "
    "SLHF always give a strict Condorcet winner, the answer that beats every other one; RLHF need "
    "not. At every tau NLHF and SLHF ignore clones, and RLHF need not. Two values hold by "
    "definition: at tau = 0 the duality gap of NLHF is 0, and no policy has a larger leader value "
    "than SLHF.",
    findings=findings,
    tables=(Table("consistency", table, COLUMNS, digest),),
    figure=figure,
    steps=False,
    labels={"action": label("action")},
    compared=True,
)
