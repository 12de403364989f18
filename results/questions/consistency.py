"""Does the same preference give the same answer, and is it the majority's?"""

import math
from typing import TYPE_CHECKING

import pandas as pd

from results.comparisons import level, void_metrics
from results.frames import comparison_in
from results.questions.layout import GAME_AND_METHOD, METHOD_KEYS, dots, estimate_each, pivot
from results.questions.section import Column, Section, Table, label
from results.questions.sentences import count_games, largest_by_method, mean_over_games

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    Column("entropy", panel="entropy of\nthe answer", top=None),
    Column("self_agreement"),
    Column("duality_gap", panel="duality\ngap"),
    Column("worst_win_rate", shown=False),
    Column("win_rate_over_ref", shown=False),
    Column("leader_value", panel="win rate against\nthe best reply", top=0.5),
    Column("objective"),
    Column("regret"),
    Column("condorcet_mass"),
    Column("condorcet_loser_mass"),
    Column("smith_mass", panel="mass on the\nSmith set"),
    Column("smith_size", shown=False),
    Column("copeland_mass", shown=False),
    Column("dominated_mass"),
    Column("minority_utility"),
    Column("cyclic_share", shown=False),
    Column("kl_to_ref", shown=False),
    Column("tau", shown=False),
    Column("residual", shown=False),
    Column("step_residual", shown=False),
)
CHANGES = (
    Column("clone_shift", panel="largest shift\nby a clone", axis="total variation"),
    Column("near_clone_shift", panel="largest shift\nby near-clones", axis="total variation"),
    Column("ref_shift"),
)
TYPES = (Column("type_utility"),)
_SURE = 0.99
_LARGEST = {
    "condorcet_loser_mass": "A Condorcet loser gets at most",
    "clone_shift": "Cloning one answer moves the rest by at most",
    "near_clone_shift": "A cycle of near-clones in its place moves it by at most",
    "ref_shift": "Another reference (log-odds of one answer + 1) moves it by at most",
}
_SAID = ("self_agreement", "condorcet_mass", "minority_utility", *_LARGEST)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method."""
    return pivot(rows, METHOD_KEYS, ["metric"], COLUMNS, "max", "duality_gap")


def digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The shown columns of one comparison, one line a game and method."""
    shown = [column for column in COLUMNS if column.shown]
    return pivot(rows, GAME_AND_METHOD, ["metric"], shown, "max", "duality_gap")


def changes(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison and method; the largest shift over the answers changed in turn.

    How far the answer moves when one answer is listed twice (clone_shift), is replaced by three
    versions that beat each other in a circle (near_clone_shift), or is likelier in the reference
    (ref_shift).
    """
    return pivot(rows, METHOD_KEYS, ["metric"], CHANGES, "max")


def changes_digest(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest shifts in one comparison, one line a game and method."""
    return pivot(rows, GAME_AND_METHOD, ["metric"], CHANGES, "max")


def types(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a game, comparison, method and user type."""
    return pivot(rows, [*METHOD_KEYS, "type"], ["metric"], TYPES)


def findings(rows: pd.DataFrame) -> list[str]:
    """Sentences on self-agreement, winners and losers, clones, references and user types.

    None is about the entropy, which at equal KL to a uniform reference is the same by arithmetic.
    """
    of_metric = estimate_each(rows[rows["metric"].isin(_SAID)], "metric", GAME_AND_METHOD, "max")
    out = []
    if "self_agreement" in of_metric:
        out.append(
            f"Two draws agree with probability {mean_over_games(of_metric['self_agreement'])}."
        )
    if "condorcet_mass" in of_metric:
        winners = of_metric["condorcet_mass"]
        if math.isfinite(level(comparison_in(rows))):  # at a KL no policy may reach ``_SURE``
            out.append(f"A Condorcet winner gets probability {mean_over_games(winners)}.")
        else:
            sure = count_games(winners.assign(hit=winners["mean"] >= _SURE))
            out.append(f"A Condorcet winner gets probability >= {_SURE} from {sure}.")
    else:
        out.append("No game has a Condorcet winner.")
    for metric, words in _LARGEST.items():
        if metric in of_metric:
            out.append(f"{words} {largest_by_method(of_metric[metric])}.")
    if "minority_utility" in of_metric:
        least = mean_over_games(of_metric["minority_utility"])
        out.append(f"The user type that gets least has utility {least}.")
    return out


def figure(rows: pd.DataFrame) -> "Figure | None":
    """What kind of answer each method gives: one line a game, one panel a metric."""
    void = void_metrics(comparison_in(rows))
    shown = [column for column in (*COLUMNS, *CHANGES) if column.name not in void]
    return dots(rows, shown, "What is answered", "duality_gap")


SECTION = Section(
    name="consistency",
    title="Does the same preference give the same answer, and is it the majority's?",
    reading="Each method turns the preferences into a policy, a distribution over answers. Entropy "
    "0 and self-agreement 1 mean that it always gives the same answer. The duality gap is how far "
    "the policy can be exploited: the margin by which the best opposing policy is preferred to it. "
    "Leader value is the win rate left when a follower first sees the answer and then gives the "
    "reply that beats it most often. The objective is what the method maximises, in its own "
    "units: log-odds for RLHF, win probability for the others; compare it within one method only. "
    "Minority utility is the expected utility, scaled to [0, 1], of the user type that gets least. "
    "The table of changes shows the largest change of the policy (total variation, copies added "
    "up): when one answer is listed twice; when it is replaced by three versions of itself that "
    "beat each other in a circle with probability 0.95 and do against all other answers as it did; "
    "when its log-odds in the reference grow by 1, at the same strength. Compare methods only "
    "within one table, which is of one strength: tau = 0, or equal KL to the reference. Equal tau "
    "is not equal strength, because tau of RLHF is in log-odds and that of the others in win "
    "probability. At equal KL to a uniform reference the entropy is log n - KL for every method, "
    "so that it compares nothing there, and self-agreement hardly anything.",
    expected="At tau = 0 (no penalty) RLHF and the SLHF leader give a single answer unless answers "
    "tie, while NLHF must mix whenever every answer is beaten by another one. At tau = 0 NLHF and "
    "SLHF always give a strict Condorcet winner, the answer that beats every other one; RLHF need "
    "not. Nor do NLHF, and RLHF with all pairs compared equally often, give the Condorcet loser, "
    "which every other answer beats; SLHF can when it loses to none by much. At every tau NLHF "
    "and SLHF ignore exact copies, and RLHF need not. That is true of exact copies only: a circle "
    "of near-clones leaves NLHF where it was and can move SLHF, which at tau = 0 is the "
    "Simpson-Kramer rule and not independent of clones (Tideman 1987). At tau = 0 only ties see "
    "the reference. Two values hold by definition: at tau = 0 the duality gap of NLHF is 0, and no "
    "policy has a larger leader value than SLHF.",
    findings=findings,
    tables=(
        Table("consistency", table, COLUMNS, digest),
        Table("changes", changes, CHANGES, changes_digest),
        Table("types", types, TYPES, shown=False),
    ),
    figure=figure,
    steps=False,
    labels={"action": label("action"), "type": label("type")},
    compared=True,
)
