"""In one paragraph: what the data say, and which concept to use, by a table of rules."""

from dataclasses import dataclass

from tabular.audit.answers import Answer
from tabular.audit.cycles import Cycles

LEVEL = 0.05

RULES = (
    ("too few", "No test could be made: collect more comparisons before choosing a method."),
    (
        "cyclic",
        "A cycle is established, which no reward can express: NLHF, which answers with the mixture "
        "that nothing beats, or SLHF, if a follower will revise the answer.",
    ),
    (
        "not Bradley-Terry",
        "Rewards do not describe the preferences, though no cycle is established: prefer NLHF or "
        "SLHF where the concepts' answers differ, or a richer preference model.",
    ),
    (
        "agree",
        "Rewards describe the preferences, and the three concepts give the same answer: RLHF is "
        "enough.",
    ),
    (
        "undecided",
        "Rewards describe the preferences as far as these comparisons can tell, but which answer "
        "is best is not settled: ask more.",
    ),
)
"""Condition and advice, the first that holds counts."""


@dataclass(frozen=True)
class Verdict:
    """What the audit comes to.

    Attributes
    ----------
    not_bradley_terry : bool or None
        Whether the rewards are rejected at 5 %; None if they could not be tested.
    cyclic : bool or None
        Whether a three-cycle is established.
    rule : str
        Which of ``RULES`` holds.
    text : str
    """

    not_bradley_terry: bool | None
    cyclic: bool
    rule: str
    text: str


def verdict(p_values: list[float], cycles: Cycles, answers: list[Answer]) -> Verdict:
    """Apply the rules.

    Parameters
    ----------
    p_values : list of float
        Of the tests of the rewards that allow for the clusters of the votes, NaN where there is
        none; of several the largest counts.
    cycles : Cycles
    answers : list of Answer
    """
    known = [p for p in p_values if p == p]
    rejected = max(known) <= LEVEL if known else None
    sets = [a.answers for a in answers if a.strength == "tau = 0"]
    same = all((s == sets[0]).all() for s in sets) and int(sets[0].sum()) == 1
    if cycles.cyclic:
        rule = "cyclic"
    elif rejected is None:
        rule = "too few"
    elif rejected:
        rule = "not Bradley-Terry"
    else:
        rule = "agree" if same else "undecided"
    return Verdict(rejected, cycles.cyclic, rule, dict(RULES)[rule])
