"""Judges without a model: their verdicts, computed by hand, and the contract of every judge."""

import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.conformance.judge import run
from games import GAMES, GameError, PreferenceGame, ScoreGame, SolverError, SpecError
from llm.judges import JUDGES, Audit, OrderedJudge, ScalarJudge, audit
from llm.judges.attributes import ATTRIBUTES, AttributesJudge
from llm.judges.bradley_terry import BradleyTerryJudge
from llm.judges.coin import CoinJudge
from llm.judges.ensemble import EnsembleJudge
from llm.judges.game import GameJudge
from llm.judges.judge import COMPARISON, require_template
from llm.judges.longest import LongestJudge
from tests.judged import BARE, Table, classifier, letters, serving

ROOT = Path(__file__).parents[2]
NAN = math.nan


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def two_contexts() -> PreferenceGame:
    P = [
        [[0.5, 0.8, 0.3], [0.2, 0.5, 0.9], [0.7, 0.1, 0.5]],
        [[0.5, 0.4, 0.65], [0.6, 0.5, 0.05], [0.35, 0.95, 0.5]],
    ]
    pairs = [[0, 1, 0], [1, 0, 3], [0, 3, 0]]
    return PreferenceGame(P, pairs=np.array([pairs, pairs]))


LISTED: dict[str, Any] = {
    "game": two_contexts(),
    "prompts": ["first?", "second?"],
    "answers": ["x", "y", "z"],
}


# The contract


@pytest.fixture
def given(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """A registry name, the parameters without a default, and the texts that the judge accepts."""
    name = request.param
    texts = {"prompts": LISTED["prompts"], "answers": [*LISTED["answers"], "off the list"]}
    if name in ("game", "bradley_terry"):
        yield name, LISTED, texts
    elif name in ("reward_model", "pairwise_model"):
        yield name, {"model": classifier(tmp_path), "batch_size": 3}, {}
    elif name == "ensemble":
        yield name, {"judges": [LongestJudge(), CoinJudge(), AttributesJudge()]}, {}
    elif name == "server":
        with serving(lambda text, _: letters(len(text) % 7 - 2)) as server:
            yield name, {"url": server.url, "model": "m", "cache": tmp_path / "replies"}, {}
    else:
        yield name, {}, {}


@pytest.mark.parametrize("given", sorted(JUDGES), indirect=True)
def test_every_judge_keeps_the_contract(given: Any) -> None:
    name, params, texts = given
    outcomes = run(JUDGES[name], name, params, **texts)
    assert [outcome for outcome in outcomes if outcome.passed is False] == []
    assert sum(outcome.passed is True for outcome in outcomes) >= 9


def test_the_registry_names_judges_after_their_modules_and_takes_others() -> None:
    folder = ROOT / "llm/judges"
    texts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    names = {name for name, text in texts.items() if re.search(r"^class \w+Judge\b", text, re.M)}
    assert names - {"judge"} == set(JUDGES)  # that is where the base classes stand
    for name in JUDGES:
        assert JUDGES[name].__name__.lower() == f"{name.replace('_', '')}judge"
    assert JUDGES.group == "prefgames.judges"
    with pytest.raises(SpecError, match="no judge named 'gaem'; did you mean game"):
        JUDGES["gaem"]


def test_importing_judges_opens_no_connection() -> None:
    code = (
        "import socket, sys\n"
        "socket.socket.connect = None\n"
        "from llm.judges import JUDGES\n"
        "JUDGES.load_all()\n"
        "assert 'llm.judges.server' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# The game


def test_game_by_hand() -> None:
    judge = GameJudge(**LISTED)
    prompts = ["second?", "first?", "second?", "first?", "second?", "first?", "first?"]
    a = ["y", "y", "x", "z", "z", "z ", "X"]
    b = ["z", "z", "z", "x", "z", "z", "Y"]
    expected = [0.05, 0.9, 0.65, 0.7, 0.5, 0.0, 0.5]
    np.testing.assert_array_equal(judge.prefer(prompts, a, b), expected)
    np.testing.assert_allclose(judge.prefer(prompts, b, a), 1 - np.array(expected), atol=1e-15)


def test_every_entry_of_a_game_is_found() -> None:
    game = two_contexts()
    judge = GameJudge(**LISTED)
    for c, i, j in np.ndindex(game.P.shape):
        texts = [LISTED["prompts"][c]], [LISTED["answers"][i]], [LISTED["answers"][j]]
        assert judge.prefer(*texts) == game.P[c, i, j]


def test_a_game_of_one_context_and_a_game_without_a_table() -> None:
    rng = np.random.default_rng(0)
    R = rng.normal(size=(2, 2))
    game = ScoreGame(rng.normal(size=(6_000, 2)), R - R.T, "logistic")
    answers = [str(k) for k in range(game.n)]
    judge = GameJudge(game, ["q"], answers)
    p = judge.prefer(["q"] * 3, ["5999", "17", "17"], ["17", "5999", "none"])
    np.testing.assert_array_equal(p, [game.rows(5999)[17], game.rows(17)[5999], 1])
    assert abs(p[0] - 0.5) > 0.01


def test_contexts_on_several_axes_are_counted_in_c_order() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(size=(2, 3))
    P = np.full((2, 3, 2, 2), 0.5)
    P[..., 0, 1], P[..., 1, 0] = p, 1 - p
    judge = GameJudge(PreferenceGame(P), list("uvwxyz"), ["a", "b"])
    np.testing.assert_array_equal(judge.prefer(list("uvwxyz"), ["a"] * 6, ["b"] * 6), p.ravel())


@pytest.mark.parametrize("kind", [GameJudge, BradleyTerryJudge])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompts": ["first?"]}, "1 prompts, expected a sequence of 2"),
        ({"answers": ["x", "y"]}, "2 answers, expected a sequence of 3"),
        ({"answers": ["x", "y", "x"]}, "'x' is twice among answers"),
        ({"prompts": ["q", "q"]}, "'q' is twice among prompts"),
        ({"answers": "xyz"}, "expected a sequence of 3"),
    ],
)
def test_texts_must_fit_the_game(kind: type, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(GameError, match=f"{kind.__name__}: .*{reason}"):
        kind(**{**LISTED, **change})


@pytest.mark.parametrize("kind", [GameJudge, BradleyTerryJudge])
def test_a_prompt_of_no_context_is_an_error(kind: Callable[..., Any]) -> None:
    with pytest.raises(GameError, match=r"the prompt 'third\?' names no context"):
        kind(**LISTED).prefer(["first?", "third?"], ["x", "x"], ["y", "y"])


# Rewards of a game


def test_bradley_terry_by_hand() -> None:
    """Compared pairs form a path, so the rewards' differences are its log-odds."""
    judge = BradleyTerryJudge(**LISTED)
    for prompt, P01, P12 in (("first?", 0.8, 0.9), ("second?", 0.4, 0.05)):
        first, second = log_odds(P01), log_odds(P12)
        r = np.array([first + second, second, 0])
        r -= r.mean()
        scores = judge.score([prompt] * 4, ["x", "y", "z", "else"])
        np.testing.assert_allclose(scores, [*r, r.min() - 1], atol=1e-9)
        p = judge.prefer([prompt] * 3, ["x", "y", "else"], ["z", "else", "other"])
        expected = [sigmoid(first + second), sigmoid(r[1] - r.min() + 1), 0.5]
        np.testing.assert_allclose(p, expected, atol=1e-9)
    assert abs(p[0] - two_contexts().P[1, 0, 2]) > 0.2, "the game is no Bradley-Terry model"


def test_bradley_terry_of_a_certain_winner_needs_a_ridge() -> None:
    game = PreferenceGame([[0.5, 1], [0, 0.5]])
    with pytest.raises(SolverError, match="ridge > 0"):
        BradleyTerryJudge(game, ["q"], ["a", "b"]).score(["q"], ["a"])
    # the maximum: sigmoid(-2 r) = ridge r
    (r,) = BradleyTerryJudge(game, ["q"], ["a", "b"], ridge=0.1).score(["q"], ["a"])
    assert sigmoid(-2 * r) == pytest.approx(0.1 * r, abs=1e-9)
    with pytest.raises(SolverError, match="ridge is -1"):
        BradleyTerryJudge(game, ["q"], ["a", "b"], ridge=-1)


# Attributes and null judges


def test_attributes_by_hand() -> None:
    a, b = "Tea 12.", "tea tea is good"
    scores = {name: (score(a), score(b)) for name, score in ATTRIBUTES.items()}
    assert scores == {
        "words": (2, 4),
        "variety": (1, 0.75),
        "plainness": (-3, -3),
        "numbers": (1, 0),
        "finished": (1, 0),
    }
    np.testing.assert_allclose(AttributesJudge().prefer(["q"] * 2, [a, b], [b, a]), [0.7, 0.3])


def test_attributes_of_nothing_and_of_numbers() -> None:
    assert [score("") for score in ATTRIBUTES.values()] == [0, 0, 0, 0, 0]
    assert ATTRIBUTES["numbers"]("In 1,000 tries 3.14 or 7, 8.") == 4


def test_custom_attributes_can_form_a_cycle_and_abstain() -> None:
    marks = {"a": (3, 1, 2), "b": (2, 3, 1), "c": (1, 2, 3), "?": (NAN, 0, 0)}
    judge = AttributesJudge(
        {f"mark {k}": (lambda text, k=k: marks[text][k]) for k in range(3)}  # type: ignore[misc]
    )
    p = judge.prefer(["q"] * 4, ["a", "b", "c", "a"], ["b", "c", "a", "?"])
    np.testing.assert_allclose(p, [2 / 3, 2 / 3, 2 / 3, NAN])
    with pytest.raises(SpecError, match="no scorers"):
        AttributesJudge({})


def test_longest_counts_characters() -> None:
    p = LongestJudge().prefer(["q"] * 4, ["aaa", "é🍵", "a", ""], ["bb", "ab", "bb", " "])
    np.testing.assert_array_equal(p, [1, 0.5, 0, 0])


def test_a_coin_by_hand() -> None:
    """The first 52 bits of the SHA-256 of '[7, "q", "a", "b"]' are 0xF52BBAA7A9C82."""
    p = CoinJudge(7).prefer(["q"] * 3, ["a", "b", "a"], ["b", "a", "a"])
    expected = (2 * 0xF52BBAA7A9C82 + 1) / 2**53
    np.testing.assert_array_equal(p, [expected, 1 - expected, 0.5])


def test_coins_are_uniform_and_do_not_depend_on_each_other() -> None:
    texts = [str(k) for k in range(4_000)]
    verdicts = [
        CoinJudge(seed).prefer([prompt] * 4_000, texts, [other] * 4_000)
        for seed, prompt, other in ((0, "q", "-"), (1, "q", "-"), (0, "r", "-"), (0, "q", "+"))
    ]
    for k, p in enumerate(verdicts):
        assert abs(p.mean() - 1 / 2) < 0.02
        assert abs(np.sort(p) - np.linspace(0, 1, 4_000)).max() < 0.04
        for q in verdicts[:k]:
            assert abs(np.corrcoef(p, q)[0, 1]) < 0.06
    with pytest.raises(SpecError, match=r"seed is 0\.5"):
        CoinJudge(0.5)  # type: ignore[arg-type]


# Several judges


def test_an_ensemble_by_hand() -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f")]
    table = [[0.9, 0.2, 0.5, NAN, NAN], [0.6, 0.1, 0.4, 0.3, NAN], [0.45, 0.7, 0.6, 0.8, NAN]]
    judges = [Table(dict(zip(pairs, says, strict=True))) for says in table]
    texts = ["q"] * 5, [a for a, _ in pairs], [b for _, b in pairs]
    expected = [2 / 3, 1 / 3, 0.5, 0.5, NAN]
    np.testing.assert_allclose(EnsembleJudge(judges).prefer(*texts), expected)
    with pytest.raises(SpecError, match="no judges"):
        EnsembleJudge([])


def test_judges_without_cycles_can_make_one_together() -> None:
    orders = ("abc", "bca", "cab")
    judges = []
    for order in orders:
        rank = {text: order.index(text) for text in order}
        P = [[0.5 + 0.1 * np.sign(rank[j] - rank[i]) for j in "abc"] for i in "abc"]
        judges.append(GameJudge(PreferenceGame(P), ["q"], list("abc")))
    p = EnsembleJudge(judges).prefer(["q"] * 3, list("abc"), list("bca"))
    np.testing.assert_allclose(p, 2 / 3)


# Audits


class Placed(OrderedJudge):
    """Prefers longer answers, with a bias for the first place in log-odds; abstains on "?"."""

    def __init__(self, bias: float) -> None:
        self.bias = bias

    def first_wins(self, prompts: Any, first: Any, second: Any, **columns: Any) -> Any:
        del prompts
        pairs = zip(first, second, strict=True)
        margins = [NAN if a == "?" else len(a) - len(b) + self.bias for a, b in pairs]
        return np.array([sigmoid(x) for x in margins])


def test_an_audit_by_hand() -> None:
    """Two of four pairs have no verdict in one order; the bias turns one verdict around."""
    judge, pairs = Placed(1.5), (["q"] * 4, ["aa", "aaa", "?", "bb"], ["b", "b", "bb", "?"])
    forward, backward = [sigmoid(2.5), sigmoid(3.5)], [sigmoid(0.5), sigmoid(-0.5)]
    bias = (sum(forward) + sum(backward) - 2) / 2
    report = audit(judge, *pairs)
    assert (report.pairs, report.abstained, report.same_verdict) == (4, 2, 0.5)
    assert report.position_bias == pytest.approx(bias)
    assert bias > 0.4
    averaged = [(t + 1 - b) / 2 for t, b in zip(forward, backward, strict=True)]
    np.testing.assert_allclose(judge.prefer(*pairs), [*averaged, NAN, NAN])


def test_an_audit_of_any_judge_and_of_no_pairs() -> None:
    says = {("a", "b"): 0.9, ("b", "a"): 0.3, ("c", "d"): 0.5, ("d", "c"): 0.5}
    report = audit(Table(says), ["q"] * 3, ["a", "c", "e"], ["b", "d", "f"])
    assert (report.pairs, report.abstained, report.same_verdict) == (3, 1, 1)
    assert report.position_bias == pytest.approx(0.1)
    assert audit(LongestJudge(), ["q"], ["aa"], ["b"]) == Audit(1, 0, 0.0, 1.0)
    for empty in (audit(Table({}), ["q"], ["a"], ["b"]), audit(LongestJudge(), [], [], [])):
        assert math.isnan(empty.position_bias)
        assert math.isnan(empty.same_verdict)
        assert empty.abstained == empty.pairs


# Shared pieces


class Solved(ScalarJudge):
    """Scores 1 for the solution, which is a column of the data."""

    def score(self, prompts: Any, answers: Any, **columns: Any) -> Any:
        pairs = zip(answers, columns["solution"], strict=True)
        return np.array([float(answer == solution) for answer, solution in pairs])


class SolvedFirst(OrderedJudge):
    """Certain where the first answer is the solution, else undecided."""

    def first_wins(self, prompts: Any, first: Any, second: Any, **columns: Any) -> Any:
        return 0.5 + Solved().score(prompts, first, **columns) / 2


def test_columns_reach_the_judges_beside_the_answers_they_belong_to() -> None:
    texts = ["q"] * 3, ["1", "2", "3"], ["2", "1", "4"]
    solution = ["1", "1", "4"]
    e = sigmoid(1)
    p = Solved().prefer(*texts, solution=solution)
    np.testing.assert_allclose(p, [e, 1 - e, 1 - e])
    p = SolvedFirst().prefer(*texts, solution=solution)
    np.testing.assert_allclose(p, [0.75, 0.25, 0.25])
    p = EnsembleJudge([Solved(), Table({})]).prefer(*texts, solution=solution)
    np.testing.assert_allclose(p, [1, 0, 0])
    assert audit(SolvedFirst(), *texts, solution=solution).position_bias == pytest.approx(0.5)


def test_templates() -> None:
    for good in (COMPARISON, BARE, "{a} {{or}} {b}: {prompt} {a}"):
        require_template(LongestJudge(), good)
    for bad, reason in (
        ("{prompt} {a}", r"fields \['a', 'prompt'\], expected prompt, a and b"),
        ("{prompt} {a} {b} {c}", "'c'"),
        ("{prompt} {a.x} {b}", r"'a\.x'"),
        ("{prompt} {} {b}", "''"),
        ("{prompt} {a} {b} {", "LongestJudge: template: .*write {{ for a brace"),
    ):
        with pytest.raises(SpecError, match=reason):
            require_template(LongestJudge(), bad)


@pytest.mark.parametrize("name", ["game", "bradley_terry", "attributes", "longest", "coin"])
def test_numbers_of_texts_must_agree(name: str) -> None:
    judge = JUDGES[name](**(LISTED if name in ("game", "bradley_terry") else {}))
    with pytest.raises(SpecError, match="2 prompts but 2 and 1 answers; give as many"):
        judge.prefer(["first?", "second?"], ["x", "y"], ["z"])
    with pytest.raises(SpecError, match="got a single string"):
        judge.prefer("first?", "x", "y")


@pytest.mark.parametrize("name", ["condorcet", "bradley_terry", "glasgow_govan_2007"])
def test_games_of_the_catalogue_judge_by_their_names(name: str) -> None:
    game = GAMES[name]()
    judge = GameJudge(game, ["q"], game.names)
    a, b = np.indices((game.n, game.n)).reshape(2, -1)
    texts = np.array(game.names)
    p = judge.prefer(["q"] * a.size, texts[a].tolist(), texts[b].tolist())
    np.testing.assert_array_equal(p.reshape(game.n, game.n), game.P)
