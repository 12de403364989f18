"""What the figures show, in words; written beside them."""

from collections.abc import Collection
from pathlib import Path

_DOTS = (
    "One line a game and one dot a method: large hollow marks are exact answers, small filled ones "
    "algorithms. Solid lines are 95% intervals over draws (Student's t); dotted lines reach from "
    "the smallest to the largest of few draws, whose interval would say nothing. A cross at the "
    "right edge: the answer does not exist."
)
_CURVES = (
    "Bands are 95% intervals over draws. Curves that coincide are set apart by a few points so "
    "that each can be seen; a cross above a panel is a value that does not exist."
)

CAPTIONS = {
    "story": "One game: how often one answer is preferred to another (dark arrows: the Smith set, "
    "the smallest set of answers that beats all others), what each concept answers, how far that "
    "moves when one pair is never compared while the preferences are known exactly or estimated "
    "from comparisons of the other pairs, and the probability that a user has seen the answer that "
    "it likes best after N answers. Refined: each answer is the follower's reply to the last; "
    "independent draws: from the policy, repeats included; without repeats: different draws.",
    "preference_graph": "An arrow leads from the preferred answer of a pair to the other one; its "
    "number is the probability of that preference. Dark arrows are within the Smith set, the "
    "smallest set of answers that beats all others; where it has several answers, no answer beats "
    "all others. A dotted line is a tie.",
    "simplex": "Policies over three answers as points of a triangle; a corner is one answer for "
    "certain, the middle all three alike. Each curve leads from the weakest KL to the reference to "
    "no penalty, where the large mark is; marks that coincide stand around their point. Arrows and "
    "numbers along the edges: the preferred answer of each pair and how often it is.",
    "missing_pairs": "The answers of one game when all pairs are compared, and when one pair never "
    "is. With preferences known only the frequency of comparisons changes: NLHF and SLHF do not "
    "read it. With preferences estimated a pair that was never compared counts as a tie, except "
    "that RLHF leaves it out unless filled.",
    "frontier": "Each quantity along the axis of strength, the KL of the policy from the "
    f"reference; each panel averages one fixed set of games that every method reaches. {_CURVES}",
    "consistency": f"What kind of answer each method gives. {_DOTS}",
    "data_sensitivity": "How far the answer moves (total variation) when other pairs are compared, "
    f"and when few comparisons are made. {_DOTS}",
    "over_optimisation": "The same answers scored by the fitted preference model and by the true "
    f"preferences, along the KL to the reference. {_CURVES}",
    "robustness": "Above, one game along three paths of games; below, the largest change of the "
    f"answer between neighbouring points in every game that has them. {_CURVES}",
    "refinement": "Above, the probability that a user has seen its favourite after N answers; "
    "refined answers come from the follower, the others are independent draws, or different draws "
    "(without repeats); best set is the bound of every way. Below, how often a reply is preferred "
    f"to the answer that it revises. {_DOTS}",
    "incentives": "The largest gain of any user type by reporting another ranking than its own, "
    f"and the share of misreports to which there is no answer. {_DOTS}",
    "round_robin": "Win rate of the answer of the line against that of the column, mean over the "
    "games in which all exist; .5 is a tie, and darker wins more often.",
    "influence": f"How much the answer depends on single pairs and labels. {_DOTS}",
    "trainings": "Total variation between trained models and the exact answer of their concept; "
    "lines are means over seeds, bands reach from the smallest to the largest.",
    "convergence": "The regularised gap of iterative methods against steps, calls of the "
    "preference oracle and seconds; thick lines are medians over games, thin ones single games.",
    "stability": "The largest step size at which runs near the fixed point converge, against its "
    "prediction by linearisation, and where runs started far away end just below and above it.",
    "fixed_points": "Where methods end with their default parameters: large hollow marks are "
    "closed forms, small ones last iterates and crosses averages.",
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
