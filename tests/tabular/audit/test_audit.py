"""The audit as a whole: its verdict, its words, and what is left when it is interrupted."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from games import Comparisons, GameError, SpecError
from games.game import Float
from results.document import Bullets, Heading, Paragraph, markdown
from tabular.audit import Audit, Settings, audit
from tabular.audit.audit import PARTS
from tabular.audit.sections import blocks
from tests.tabular.audit.votes_drawn import bradley_terry, cycle, drawn

QUICK = Settings(tests=99, bootstrap=50)
MIXED = np.array(
    [[0.5, 0.9, 0.55, 0.9], [0.1, 0.5, 0.9, 0.6], [0.45, 0.1, 0.5, 0.9], [0.1, 0.4, 0.1, 0.5]]
)
"""A transitive order that no reward describes."""


def audited(P: Float, per_pair: int, seed: int = 0, copies: int = 1) -> Audit:
    rng = np.random.default_rng(seed)
    return audit(drawn(P, per_pair, rng, copies=copies), QUICK)


@pytest.fixture(scope="module")
def cyclic() -> Audit:
    return audited(cycle(0.2), 150)


def test_four_data_sets_have_four_verdicts(cyclic: Audit) -> None:
    found = {
        "cyclic": cyclic,
        "not Bradley-Terry": audited(MIXED, 150),
        "agree": audited(bradley_terry(np.array([1.5, 0.0, -0.5, -1.0])), 200),
        "undecided": audited(bradley_terry(np.array([0.05, 0.0, -0.05])), 15),
    }
    for rule, result in found.items():
        assert result.verdict is not None
        assert result.verdict.rule == rule
        assert result.verdict.not_bradley_terry == (rule in ("cyclic", "not Bradley-Terry"))
        assert result.verdict.cyclic == (rule == "cyclic")


def test_what_cannot_be_tested_is_too_little() -> None:
    wins = np.array([[0, 5, 0], [3, 0, 6.0], [0, 1, 0]])
    result = audit(Comparisons(wins), QUICK)
    assert result.verdict is not None
    assert (result.verdict.rule, result.verdict.not_bradley_terry) == ("too few", None)


def test_raters_are_resampled_and_both_tests_shown() -> None:
    result = audited(bradley_terry(np.array([0.6, 0.0, -0.6])), 12, copies=6)
    assert result.by == "rater"
    assert set(result.clustered) == {"rater"}
    assert result.reward is not None
    assert result.verdict is not None
    assert result.verdict.not_bradley_terry is False
    words = markdown(blocks(result, "votes"))
    assert "36 raters" in words
    assert "score, raters independent" in words


def test_the_verdict_rests_on_the_tests_that_allow_for_raters() -> None:
    P = bradley_terry(np.array([0.6, 0.2, -0.2, -0.6]))
    votes = drawn(P, 12, np.random.default_rng(7), copies=8)
    result = audit(votes, replace(QUICK, repeats=True))
    assert result.reward is not None
    assert result.verdict is not None
    assert result.reward.p_value < 0.05 < result.clustered["rater"].p_value
    assert result.verdict.not_bradley_terry is False


def test_a_repeated_vote_counts_once_unless_it_is_asked_to() -> None:
    votes = drawn(cycle(0.1), 15, np.random.default_rng(1), copies=4)
    once, always = (
        audit(votes, replace(QUICK, repeats=repeats)).reward for repeats in (False, True)
    )
    assert once is not None
    assert always is not None
    assert once.statistic > 0.1
    assert always.statistic == pytest.approx(4 * once.statistic)
    assert votes.distinct().weight.sum() == votes.weight.sum() / 4
    turned = replace(votes, first=votes.second, second=votes.first, share=1 - votes.share)
    assert len(turned.distinct().first) == len(votes.distinct().first)
    unknown = replace(votes, clusters={})
    assert len(unknown.distinct().first) == len(votes.first)


def test_the_same_seed_gives_the_same_audit(cyclic: Audit) -> None:
    again = audited(cycle(0.2), 150)
    assert markdown(blocks(again, "x")) == markdown(blocks(cyclic, "x"))


def test_every_section_begins_with_a_plain_sentence(cyclic: Audit) -> None:
    parts = blocks(cyclic, "votes.csv")
    assert parts[0] == Heading("prefgames audit: votes.csv", 1)
    titles = [b.text for b in parts if isinstance(b, Heading) and b.level == 2]
    assert titles == [
        "In one paragraph", "What was read", "Is a reward enough?", "Are the cycles real?",
        "What would be chosen", "What it costs", "What it rests on", "What to ask next",
    ]  # fmt: skip
    for k, block in enumerate(parts[1:], 1):
        if isinstance(block, Heading):
            following = parts[k + 1]
            assert isinstance(following, Paragraph)
            assert following.lead
    words = markdown(parts)
    assert "A > B > C > A" in words
    assert "450 comparisons of 3 answers; 0 of 3 pairs were never compared" in words
    assert not re.search(r"\bnan\b", words)


def test_few_data_are_told_without_errors() -> None:
    for wins in ([[0.0, 3.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]):
        result = audit(Comparisons(np.array(wins)), QUICK)
        assert result.verdict is not None
        assert result.verdict.rule == "too few"
        assert "What to ask next" in markdown(blocks(result, "few"))
    for nothing in ([[0.0]], [[0.0, 0.0], [0.0, 0.0]]):
        with pytest.raises(GameError, match="nothing is compared"):
            audit(Comparisons(np.array(nothing)), QUICK)


def test_an_interruption_keeps_what_is_done() -> None:
    def stop_at(name: str) -> Callable[[str], None]:
        def progress(part: str) -> None:
            if part == name:
                raise KeyboardInterrupt

        return progress

    votes = drawn(cycle(0.2), 30, np.random.default_rng(0))
    for name in PARTS:
        result = audit(votes, QUICK, stop_at(name))
        words = markdown(blocks(result, "x"))
        assert "Interrupted before" in words
        assert ("What would be chosen" in words.split("Interrupted")[0]) == (
            PARTS.index(name) > PARTS.index("answers")
        )


def test_impossible_settings() -> None:
    for wrong in ({"tau": 0.0}, {"kl": -1.0}, {"tests": 0}, {"bootstrap": 1}, {"seed": -1}):
        with pytest.raises(SpecError, match="audit"):
            Settings(**wrong)
    assert isinstance(blocks(audited(cycle(0.1), 20), "x")[5], Heading | Paragraph | Bullets)
