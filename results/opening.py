"""What the question of every report is, for readers who know RLHF and no game theory."""

from results.document import Block, Bullets, Drawing, Heading, Paragraph

OPENING: tuple[Block, ...] = (
    Heading("What the question is"),
    Paragraph(
        "Given the same preferences, what do RLHF, NLHF and SLHF choose, and what does that choice "
        "cost?",
        lead=True,
    ),
    Drawing(
        "A cycle of three answers: A beats B, B beats C and C beats A",
        "cycle",
        "A cycle: arrows point from the answer that wins to the one that loses, and the margin is "
        "the share who prefer the winner less the share who prefer the loser. Here 40% of people "
        "rank A before B before C, 35% rank B, C, A and 25% rank C, A, B.",
    ),
    Bullets(
        (
            "The preferences are numbers P[i, j], the share of people who prefer answer i to "
            "answer j. Majorities can go round in a circle, as in the picture, and then no score "
            "per answer can express them.",
            "RLHF, reinforcement learning from human feedback, fits such a score all the same, the "
            "Bradley-Terry reward, and gives the answer with the highest. In the picture that is "
            "B, although most people prefer A to B.",
            "NLHF, Nash learning from human feedback, plays the preferences as a game against "
            "itself. Its answer is the Nash equilibrium, a mixture that no other policy beats: "
            "in the picture A, B and C with probabilities 0.5, 0.2 and 0.3.",
            "SLHF, Stackelberg learning from human feedback, trains a leader, who answers, and a "
            "follower, who sees that answer and replies with the one that beats it most often. The "
            "leader gives the answer that loses least, in the picture A; the follower can refine "
            "it.",
            "tau is the weight of the KL penalty, which keeps a policy near the reference policy. "
            "The same tau is not the same strength for every method, so methods are compared "
            "without penalty (tau = 0) and at equal KL to the reference.",
            "What the choice costs is the duality gap, the margin by which the best opponent wins "
            "against the policy; how far the policy moves when only the collected comparisons "
            "change; and how many people ever see the answer that they like best.",
        )
    ),
)
