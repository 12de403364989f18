"""What the papers, or derivations, say about each of the four questions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expectation:
    """A question, and what to look for in its table.

    Attributes
    ----------
    name, title : str
    reading : str
        How to read its table.
    expected : str
        What the papers, or the derivations for these games, say.
    """

    name: str
    title: str
    reading: str
    expected: str


EXPECTATIONS = (
    Expectation(
        "consistency",
        "Does the same preference give the same answer, and is it the majority's?",
        "Entropy 0 and self agreement 1 mean one answer always. The duality gap is what the best "
        "opponent of the whole policy gains, leader value what an answer keeps against a follower "
        "that has seen it; clone shift is the largest change of the answer when one answer is "
        "offered twice.",
        "With small tau the SLHF leader is almost deterministic while the NLHF policy must mix "
        "when no answer beats all others. NLHF and SLHF give a strict Condorcet winner and ignore "
        "clones; RLHF need do neither.",
    ),
    Expectation(
        "data_sensitivity",
        "Does the answer move when only the sampling of comparisons moves?",
        "Shift is the total variation to the answer on full data; every line takes the worst "
        "change of its kind. Known: P is the truth and only the compared pairs change. Estimated: "
        "everything comes from the comparisons, and a pair never compared counts as a tie, except "
        "that RLHF drops it and RLHF (filled) does not.",
        "With P known NLHF and SLHF must not move at all, while RLHF moves whenever P is not "
        "Bradley-Terry. With P estimated all three may move: insensitivity is a claim about a "
        "known P.",
    ),
    Expectation(
        "robustness",
        "What does intransitivity cost, and does the answer jump?",
        "Each line is a path of games from t = 0 to 1 and takes the largest value on it: growing "
        "cycles, label noise, or a user type that takes over. Largest shift is between "
        "neighbouring points: near 1 the answer jumps, and at tau > 0 it shrinks with the "
        "distance of the points.",
        "At tau = 0 the gap of RLHF grows with the cyclic share and that of NLHF stays 0. Both "
        "RLHF and the SLHF leader jump where two answers swap ranks; the Nash policy moves "
        "continuously wherever the maximal lottery is unique.",
    ),
    Expectation(
        "refinement",
        "What does asking again buy?",
        "Probability that a user has seen its favourite after N answers, drawn independently or "
        "each refined from the one before, at equal numbers of answers; best utility is that of "
        "the best so far, scaled to [0, 1] for each user type.",
        "On the symmetric three-cycle: 1/3, 5/9, 19/27 by independent draws from NLHF and 1/3, "
        "2/3, 1 by the SLHF follower, which needs a sharp follower. With more answers or many "
        "good ones the order can reverse.",
    ),
)
