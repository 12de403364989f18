"""What the figures show, in words; written beside them."""

from collections.abc import Collection
from pathlib import Path

_DOTS = (
    "One line a game and one dot a method: large hollow marks are exact answers, small filled ones "
    "algorithms. Solid lines are 95% intervals over draws; dotted lines reach from "
    "the smallest to the largest of few draws, whose interval would say nothing. A cross at the "
    "right edge: the answer does not exist."
)
_CURVES = (
    "Bands are 95% intervals over draws. Curves that coincide are set apart by a few points so "
    "that each can be seen; a cross above a panel is a value that does not exist."
)

CAPTIONS = {
    "story": "One game from its preferences to its answers. First, how often one answer is "
    "preferred to another (dark arrows: the Smith set, the smallest set of answers that beats all "
    "others); then what each concept answers, and how far that moves when one pair is never "
    "compared while the preferences are known exactly or estimated from the other pairs. Last, the "
    "probability that a user, mean of all, has seen the answer that it likes best after N answers. "
    "Refined: each answer is the follower's reply to the one before; independent draws: from the "
    "policy, repeats included; without repeats: different draws.",
    "preference_graph": "Who is preferred to whom. An arrow leads from the preferred answer of a "
    "pair to the other one; its number is the probability of that preference. Dark arrows are "
    "within the Smith set, the smallest set of answers that beats all others; where it has several "
    "answers, none beats all others. A dotted line is a tie.",
    "simplex": "Policies over three answers as points of a triangle. A corner is one answer for "
    "certain, the middle all three alike. Each curve leads from the reference over answers at "
    "growing KL to the one without a penalty, which has the large mark; marks that coincide stand "
    "around their point. Arrows and numbers along the edges: the preferred answer of each pair, "
    "and how often it is.",
    "missing_pairs": "What is answered when one pair is never compared. A bar is divided among the "
    "answers. With preferences known only the frequency of comparisons changes, which NLHF and "
    "SLHF do not read. With preferences estimated a pair that was never compared counts as a tie, "
    "except that RLHF leaves it out unless filled.",
    "frontier": "Each quantity along the KL to the reference. Each panel averages one fixed set of "
    f"games that every method reaches. {_CURVES}",
    "cross_refinement": "Whose revision improves whose answer. An entry is the win rate of the "
    "revision over the answer that it revises, mean over the games in which all entries exist; at "
    ".5 it is no better, and darker is better. A follower replies to the answer; revised is the "
    "policy tilted by the preference over the answer; a new draw does not read the answer.",
    "solver_paths": "Iterates as points of a triangle of three answers. Each path leads from the "
    "reference, a small grey dot, to the last iterate; a ring is what the method converges to, "
    "found by another route. Dotted lines are averages of the iterates. Arrows and numbers along "
    "the edges: the preferred answer of each pair, and how often it is.",
    "duality_gap": "How exploitable iterates are by the preferences themselves. The duality gap "
    "without the penalty against steps; lines are medians over games. A method that reaches its "
    "equilibrium keeps the gap that the penalty costs.",
    "kappa": "Where leader and follower end when the follower learns kappa times as fast. Marks "
    "are medians over games, and over rows of the follower; broad lines reach to the largest. A "
    "distance below 1e-8 is drawn at 1e-8.",
    "consistency": f"What kind of answer each method gives. {_DOTS}",
    "data_sensitivity": "How far the answer moves when other pairs, or few, are compared. Movement "
    f"is total variation. {_DOTS}",
    "over_optimisation": "Answers scored by the fitted preference model and by the truth. "
    f"{_CURVES}",
    "robustness": "What cyclic preferences and bad labels cost. Above, one game along paths of "
    "games; below, the largest change of the answer between neighbouring points of a path, in "
    f"every game. {_CURVES}",
    "refinement": "What asking again buys. Above, the probability that a user has seen its "
    "favourite after N answers: refined by the follower, independent draws, or different draws "
    "(without repeats); best set is the bound of every way. Below, how often a reply is preferred "
    f"to the answer that it revises. {_DOTS}",
    "incentives": f"What a user type gains by reporting another ranking than its own. {_DOTS}",
    "round_robin": "Who beats whom. An entry is the win rate of the answer of the line against "
    "that of the column, mean over the games in which all exist; .5 is a tie, darker wins more "
    "often.",
    "influence": f"How much the answer depends on single pairs and labels. {_DOTS}",
    "trainings": "How near trained language models come to the exact answer of their concept. "
    "Distance is total variation; lines are means over seeds, bands reach from the smallest to the "
    "largest.",
    "convergence": "How fast iterative methods approach the equilibrium. The regularised gap "
    "against steps, calls of the preference oracle and seconds; thick lines are medians over "
    "games, thin ones single games.",
    "stability": "Up to which step size methods converge. A bar ends where the first game becomes "
    "unstable; dots are the limits observed in the games, ticks those predicted by the "
    "linearisation at the fixed point. Beside it, how many runs that start far away settle with a "
    "step size at that share of the predicted limit.",
    "fixed_points": "Where methods end with their default parameters. Large hollow marks are "
    "closed forms, small ones last iterates, and crosses averages of the iterates.",
}
"""Name of a figure -> its caption."""


def caption(view: str) -> str:
    """The caption of a figure, or of one of its comparisons ("consistency_KL_0.1_nats")."""
    name = max((n for n in CAPTIONS if view == n or view.startswith(f"{n}_")), key=len, default="")
    return CAPTIONS.get(name, "")


def first(view: str) -> str:
    """The first sentence of the caption."""
    return caption(view).partition(". ")[0].removesuffix(".")


def write(path: Path, views: Collection[str]) -> None:
    """Write the captions of these figures as Markdown, in alphabetical order."""
    blocks = [f"## {view}\n\n{caption(view)}\n" for view in sorted(views)]
    path.write_text("\n".join(blocks), encoding="utf-8")
