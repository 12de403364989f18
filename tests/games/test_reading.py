"""Inputs after public reports that used to fail, with answers by hand, and every layout."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from games import GameError, PreferenceGame, load
from games.io import Limits, read, text_files
from tests.example_rows import EXAMPLES
from tests.written import written

CYCLE = [[0.5, 0.9, 0.5], [0.1, 0.5, 0.6], [0.5, 0.4, 0.5]]
COUNTED = "left,right,winner,{}\n" + "".join(
    f"{one},{two},{side},{{}}\n" for one, two in ("AB", "BC", "AC") for side in ("left", "right")
)
COUNTS = (90, 10, 60, 40, 50, 50)


def jsonl(*records: object) -> str:
    return "\n".join(map(json.dumps, records))


def points(game: PreferenceGame, one: str, two: str) -> float:
    i, j = game.names.index(one), game.names.index(two)
    return float((game.P * game.pair_weights)[..., i, j].sum())


@pytest.mark.parametrize("column", ["count", "weight", "n", " Count "])
def test_a_count_multiplies_its_row(tmp_path: Path, column: str) -> None:
    game = load(written(tmp_path, "votes.csv", COUNTED.format(column, *COUNTS)))
    np.testing.assert_allclose(game.P, CYCLE)
    np.testing.assert_array_equal(game.pair_weights, 100 - 100 * np.eye(3))
    frame = pd.read_csv(tmp_path / "votes.csv")
    rows = frame.loc[frame.index.repeat(frame[column])].drop(columns=column)
    rows.to_csv(tmp_path / "expanded.csv", index=False)
    assert load(tmp_path / "expanded.csv") == game


def test_several_weights_are_multiplied_and_zero_is_no_row(tmp_path: Path) -> None:
    text = "left,right,winner,n,weight\nA,B,left,3,0.5\nA,B,right,1,1\nA,C,left,0,1\n"
    game = load(written(tmp_path, "votes.csv", text))
    assert game.names == ("A", "B")
    assert game.P[0, 1] == 0.6


@pytest.mark.parametrize(
    ("value", "message"),
    [("-1", "count is '-1', expected a number >= 0"), ("x", "count is 'x'"), ("", "count is ''")],
)
def test_a_weight_that_is_no_number_is_refused(tmp_path: Path, value: str, message: str) -> None:
    text = f"left,right,winner,count\nA,B,left,2\n\nA,B,right,{value}\n"
    with pytest.raises(GameError, match=f"line 4: {message}"):
        load(written(tmp_path, "votes.csv", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left,right,prob\nA,B,.9\nB,A,.3\n", ""),
        ("left,right,preference\nA,B,.9\nB,A,.3\n", ""),
        ("model_a,model_b,soft_label\nA,B,.9\nB,A,.3\n", ""),
        ("chosen,rejected,prob\nA,B,.9\nB,A,.3\n", ""),
        ("left,right,winner,prob\nA,B,left,.9\nB,A,right,.7\n", ""),
        ("left,right,winner,prob\nA,B,left,.9\nB,A,right,.3\n", "line 3: winner is right and prob"),
        ("left,right,prob\nA,B,1.2\n", "line 2: prob is 1.2, expected a probability"),
        ("left,right,prob\nA,B,x\n", "line 2: prob is 'x', expected a number"),
    ],
)
def test_a_probability_is_a_share_of_the_win(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, "soft.csv", text)
    if message:
        with pytest.raises(GameError, match=message):
            load(path)
    else:
        assert load(path).P[0, 1] == pytest.approx(0.8)  # (.9 + .7) / 2


def test_other_columns_of_numbers_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = (
        "left,right,winner,times,note,score_left,score_right\nA,B,left,9,x,1,2\nA,B,tie,1,2,3,4\n"
    )
    load(written(tmp_path, "votes.csv", text))
    assert [record.getMessage()[:43] for record in caplog.records] == [
        "columns of numbers that are not read: times"
    ]


@pytest.mark.parametrize(
    "label",
    [
        *("both_bad", "bothbad", "tie (bothbad)", "Tie (Inconsistent)", "tie", " TIE ", "draw"),
        *("Draw", "both_good", "tie_both_bad"),
    ],
)
def test_labels_of_ties(tmp_path: Path, label: str) -> None:
    rows = f"model_a,model_b,winner\noak,elm,Model_A\nelm,oak,{label}\n"
    assert load(written(tmp_path, "arena.csv", rows)).P[1, 0] == 0.75


def test_headers_and_sides_are_read_in_any_case(tmp_path: Path) -> None:
    game = load(written(tmp_path, "v.csv", "Left, Right,Winner\nA,B,LEFT\nA,B,Right\n"))
    assert game.P[0, 1] == 0.5


def test_the_case_of_answers_is_kept(tmp_path: Path) -> None:
    with pytest.raises(GameError, match="line 2: winner is 'a', expected left, right, tie or the"):
        load(written(tmp_path, "v.csv", "left,right,winner\nA,B,a\n"))


NESTED = {
    name: any(isinstance(value, list) for row in rows for value in row.values())
    for name, rows in EXAMPLES.items()
}


@pytest.mark.parametrize(
    ("layout", "kind"),
    [
        (name, kind)
        for name, nested in NESTED.items()
        for kind in ("jsonl", "parquet", *(() if nested else ("csv", "large csv")))
    ],
)
def test_every_layout_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, kind: str
) -> None:
    rows = EXAMPLES[layout]
    if kind == "large csv":
        monkeypatch.setattr(text_files, "_LARGE", 0)
        kind = "csv"
    path = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text(jsonl(*rows))
    elif kind == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path)
    game = load(path)
    complete = layout == "HelpSteer, ratings"  # each prompt has both answers
    assert game.batch == ((4,) if complete else ())
    assert game.names == ("a", "b")
    assert points(game, "a", "b") == 1.5
    assert game.pair_weights[..., 0, 1].sum() == 4


def test_rows_without_an_outcome_are_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "alpaca.jsonl", jsonl(*EXAMPLES["AlpacaEval"]))
    load(path)
    assert "1 of 5 rows left out: they have no preference" in caplog.text
    rows = [{**row, "preference": None} for row in EXAMPLES["AlpacaEval"]]
    with pytest.raises(GameError, match="no row has a preference"):
        load(written(tmp_path, "none.jsonl", jsonl(*rows)))


def test_ratings_of_a_rater_are_one_cluster(tmp_path: Path) -> None:
    rows = "prompt,model,rating,annotator\n" + "".join(
        f"{prompt},{model},{rating},{rater}\n"
        for prompt, rater, ratings in (("p", "Ann", "531"), ("p", "Bo", "22 "), ("q", "Ann", "11"))
        for model, rating in zip("xyz", ratings, strict=False)
    )
    found = read(written(tmp_path, "ratings.csv", rows))
    assert (found.names, found.prompts, found.raters) == (
        ("x", "y", "z"),
        ("p", "q"),
        ("Ann", "Bo"),
    )
    listed = zip(
        *(getattr(found, name).tolist() for name in ("first", "second", "share")), strict=True
    )
    assert list(listed) == [(0, 1, 1), (0, 2, 1), (1, 2, 1), (0, 1, 0.5), (0, 1, 0.5)]
    assert found.rater.tolist() == [0, 0, 0, 1, 0]
    first, *_, by_bo, on_q = found.cluster.tolist()
    assert found.cluster.tolist() == [first] * 3 + [by_bo, on_q]
    assert len({first, by_bo, on_q}) == 3


def test_lists_of_answers_are_compared_each_with_each(tmp_path: Path) -> None:
    record = {"prompt": "Hi", "chosen": ["yes"], "rejected": ["no", "never"]}
    found = read(written(tmp_path, "lists.jsonl", jsonl(record, record)))
    assert [found.names[k] for k in found.second] == ["no", "never"] * 2
    assert found.cluster.tolist() == [0, 0, 1, 1]
    assert found.order.tolist() == [0] * 4


def test_records_keep_raters_prompts_and_order(tmp_path: Path) -> None:
    text = (
        "question_id,model_a,model_b,winner,judge,turn\n"
        "81,x,y,model_a,expert_1,1\n82,y,x,tie,,1\n81,y,x,model_b,expert_2,1\n"
    )
    found = read(written(tmp_path, "human.csv", text))
    assert (found.prompts, found.raters) == (("81", "82"), ("expert_1", "expert_2"))
    assert found.rater.tolist() == [0, -1, 1]
    assert found.order.tolist() == [1, 1, 1]
    assert found.row.tolist() == [0, 1, 2]
    assert found.contexts  # each compares the only pair
    assert len(found.take(found.rater >= 0)) == 2


def turns(*contents: str) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(contents)
    return [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]


def test_one_trajectory_has_one_name(tmp_path: Path) -> None:
    x = turns("A flight", "Where to?", "Rome", "Fly on Monday.")
    y = turns("A flight", "Where to?", "Rome", "Fly on Tuesday.")
    z = turns("A flight", "When?", "Monday", "Fly to Rome.")
    pairs = [(x, y), (y, z), (z, x)] * 3
    game = load(
        written(tmp_path, "t.jsonl", jsonl(*({"chosen": c, "rejected": r} for c, r in pairs)))
    )
    assert game.batch == ()
    assert sorted(name.splitlines()[-1] for name in game.names) == [
        *("Fly on Monday.", "Fly on Tuesday.", "Fly to Rome.")
    ]
    i, j, k = (
        next(n for n, name in enumerate(game.names) if name.endswith(end))
        for end in ("Monday.", "Tuesday.", "Rome.")
    )
    assert game.P[i, j] == game.P[j, k] == game.P[k, i] == 1


@pytest.mark.parametrize("explicit", [False, True])
def test_implicit_prompts_are_prompts(tmp_path: Path, explicit: bool) -> None:
    asked = [("Is water wet?", "Yes", "No"), ("Is fire cold?", "No", "Yes")]
    records = [
        {"prompt": turns(q), "chosen": turns(q, c)[1:], "rejected": turns(q, r)[1:]}
        if explicit
        else {"chosen": turns(q, c), "rejected": turns(q, r)}
        for q, c, r in asked
    ]
    path = written(tmp_path, "pairs.jsonl", jsonl(*records))
    game = load(path)
    assert game.names == ("No", "Yes")
    np.testing.assert_array_equal(game.P[:, 1, 0], [1, 0])
    assert read(path).prompts == ("Is water wet?", "Is fire cold?")


YES_NO_MAYBE = jsonl(
    {"prompt": "Is water wet?", "chosen": "Yes", "rejected": "No"},
    {"prompt": "Is fire cold?", "chosen": "No", "rejected": "Maybe"},
    {"prompt": "Will it rain?", "chosen": "Maybe", "rejected": "Yes"},
)


def test_pooling_is_said_and_can_be_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "pairs.jsonl", YES_NO_MAYBE)
    game = load(path)
    assert (game.P[2, 1], game.P[1, 0], game.P[0, 2]) == (1, 1, 1)
    (record,) = caplog.records
    assert record.getMessage() == (
        "3 prompts do not compare the same answers: pooled; --by-prompt keeps them apart"
    )
    game = load(path, by_prompt=True)
    assert game.batch == (3,)
    np.testing.assert_array_equal(game.P[:, 2, 1], [1, 0.5, 0.5])
    np.testing.assert_array_equal(game.pair_weights[:, 2, 1] > 0, [True, False, False])
    with pytest.raises(GameError, match="has no prompts; leave out --by-prompt"):
        load(written(tmp_path, "v.csv", "left,right,winner\na,b,left\n"), by_prompt=True)
    with pytest.raises(GameError, match="holds no comparisons; leave out --by-prompt"):
        load(written(tmp_path, "p.csv", "0,1\n2,0\n"), by_prompt=True)


def test_grouping_by_model_pools_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(written(tmp_path, "alpaca.jsonl", jsonl(*EXAMPLES["AlpacaEval"][:4])))
    (record,) = caplog.records
    assert record.getMessage().startswith("4 prompts are grouped by generator: pooled; ")


def test_ids_that_became_floats_are_the_same_answers(tmp_path: Path) -> None:
    text = "left,right,winner\n1,2.0,left\n2,3.0,right\n3,1.0,tie\n1,2.0,left\n01,1.5,2\n"
    game = load(written(tmp_path, "ids.csv", text.replace("1.5,2", "1.5,01")))
    assert game.names == ("01", "1", "1.5", "2", "3")
    assert points(game, "1", "2") == 2
    frame = pd.DataFrame({"left": [1, 2, 3, 1], "right": [2.0, 3.0, 1.0, 2.0]})
    frame.assign(winner=["left", "right", "tie", "left"]).to_parquet(tmp_path / "ids.parquet")
    assert load(tmp_path / "ids.parquet").names == ("1", "2", "3")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wins.csv", ",A,B\nA,0,2.5\nB,1.5,0\n"),
        ("wins.json", '{"wins": [[0, 2.5], [1.5, 0]], "names": ["A", "B"]}'),
        ("wins.csv", f",A,B\nA,0,{5 * 2**60}\nB,{3 * 2**60},0\n"),
    ],
)
def test_half_wins_and_large_counts(tmp_path: Path, name: str, content: str) -> None:
    assert load(written(tmp_path, name, content)).P[0, 1] == 0.625


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.jsonl", jsonl({"left": "a", "right": "b", "winner": None}),
         "line 1: winner is null, expected left, right, tie or the name of one of the two"),
        ("v.jsonl", jsonl({"chosen": turns("hi"), "rejected": [{"role": "user", "content": [3]}]}),
         "line 1: rejected is a list whose message 1 has the content list, expected text"),
        ("v.json", '{"left": {"0": "a"}, "right": {"0": "b"}, "winner": {"0": "left"}}',
         "pandas' orientation 'columns'; write comparisons with to_json(orient=\"records\")"),
        ("v.json", '{"0": {"left": "a", "right": "b", "winner": "left"}}',
         "pandas' orientation 'columns or index'"),
        ("v.json", '{"columns": ["left"], "index": [0], "data": [["a"]]}', "orientation 'split'"),
        ("v.json", '[["a", "b", "left"]]', 'comparisons are a list of objects with the columns'),
        ("v.json", "[]", "the list is empty; expected comparisons, an object each"),
        ("v.csv", "left,right,winer\na,b,left\n",
         "your columns are 'left, right, winer', and comparisons have the columns "
         "left,right,winner or model_a,model_b,winner or chosen,rejected; rename winer to winner"),
        ("v.csv", "model_a,model_b,outcome\na,b,model_a\n", "; rename outcome to winner; else"),
        ("v.csv", "who,whom\na,b\nb,c\nc,a\n", "your columns are 'who, whom', and comparisons"),
        ("v.csv", "model_a,model_b,winner_model_a,winner_model_b\na,b,1,1\n",
         "line 2: winner_model_a, winner_model_b are 1, 1; expected one 1, the others 0"),
        ("v.csv", "model_1,model_2,preference\na,b,2\na,b,.5\n", "line 3: preference is 0.5, "),
        ("v.csv", "prompt,response,score\np,a,1\nq,b,2\n", "no two answers with the same prompt"),
        ("v.jsonl", jsonl({"instruction": "Hi", "completions": [3]}),
         "line 1: completions is list"),
    ],
)  # fmt: skip
def test_messages_say_what_to_change(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(GameError) as raised:
        load(path)
    assert message in str(raised.value)


def test_a_single_comparison_is_a_game(tmp_path: Path) -> None:
    assert load(written(tmp_path, "v.csv", "left,right,winner\na,b,left\n")).P[0, 1] == 1


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_more_rows_than_the_limit_are_refused(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"left": ["a"] * 5, "right": ["b"] * 5, "winner": ["left"] * 5})
    path = tmp_path / f"votes.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        path.write_text(
            frame.to_csv(index=False) if kind == "csv" else jsonl(*frame.to_dict("records"))
        )
    assert load(path, limits=Limits(rows=5)).pair_weights[0, 1] == 5
    with pytest.raises(GameError, match=r"more than 4 rows; .* --max-rows"):
        load(path, limits=Limits(rows=4))


def test_large_files_are_read_as_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "model_a,model_b,winner,judge,count\r\n oak,elm,model_a,x,1.0\n\nelm,oak,,x,2\n"
    broken, whole = rows, rows.replace("oak,,", "oak,TIE,") + "ash,1.0,ash,,3\nash,1,tie,y,1"
    expected = read(written(tmp_path, "whole.csv", whole))
    monkeypatch.setattr(text_files, "_LARGE", 0)
    found = read(tmp_path / "whole.csv")
    for name in ("first", "second", "share", "weight", "rater", "row", "names", "raters"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for text, message in (
        (broken, "line 4: winner is ''"),
        (whole + ",\n", "line 6: 6 cells, expected 5"),
        (whole + "\noak\n", "line 7: 1 cells, expected 5"),
        (whole + "\n\nelm,\udcff,tie,x,1", "line 8: byte 0xff is not UTF-8"),
    ):
        path = written(tmp_path, "broken.csv", text.encode(errors="surrogateescape"))
        with pytest.raises(GameError, match=message):
            load(path)
    quoted = read(written(tmp_path, "quoted.csv", whole.replace("elm", '"elm"')))
    assert quoted.names == found.names


def test_ratings_that_make_too_many_pairs_are_refused(tmp_path: Path) -> None:
    rows = "prompt,model,rating\n" + "".join(f"p,m{k},{k}\n" for k in range(5))
    path = written(tmp_path, "ratings.csv", rows)
    assert load(path, limits=Limits(rows=10)).n == 5
    with pytest.raises(GameError, match="more than 9 pairs of rated answers"):
        load(path, limits=Limits(rows=9))


def test_counts_and_orders_are_records_too(tmp_path: Path) -> None:
    path = written(tmp_path, "wins.json", '{"wins": [[0, 2.5], [1, 0]], "names": ["A", "B"]}')
    found = read(path)
    assert found.weight.tolist() == [2.5, 1]
    assert found.comparisons().game() == load(path)
    with pytest.raises(GameError, match="holds win probabilities, not comparisons"):
        read(written(tmp_path, "p.csv", "0.5,1\n0,0.5\n"))


def test_the_last_message_belongs_to_the_answer(tmp_path: Path) -> None:
    short, long = turns("Is water wet?", "Yes"), turns("Is water wet?", "Yes", "Sure?", "No")
    record = {"chosen": short, "rejected": long}
    game = load(written(tmp_path, "pairs.jsonl", jsonl(record, record)))
    assert game.names == ("Yes", "Yes\nSure?\nNo")


def test_a_rating_beside_who_was_preferred_is_no_comparison(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    path.write_text("prompt,chosen,rejected,model,score\np,A,B,m1,3\np,B,C,m2,4\np,A,C,m1,2\n")
    found = read(path)
    assert found.names == ("A", "B", "C")
    assert [found.names[k] for k in found.first] == ["A", "B", "A"]


def test_a_blank_probability_leaves_the_winner_and_a_tie_is_half(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("left,right,winner,prob\nA,B,left,0.9\nB,A,left,\nA,B,tie,0.9\nA,B,right,0.8\n")
    np.testing.assert_allclose(read(path).share, [0.9, 1.0, 0.5, 0.2])
