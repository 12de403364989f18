import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from games import GameError, PreferenceGame, load
from tests.written import written

# a beats b 3 : 1, ties with c once and loses to c once; b and c never meet.
VOTES = [
    ("a", "b", "left"),
    ("b", "a", "right"),
    ("c", "a", "tie"),
    ("a", "b", "a"),
    ("c", "a", "c"),
    ("b", "a", "left"),
]
CSV = "left,right,winner\n" + "".join(f"{','.join(vote)}\n" for vote in VOTES)
P = [[0.5, 0.75, 0.25], [0.25, 0.5, 0.5], [0.75, 0.5, 0.5]]
PAIRS = [[0, 4, 2], [4, 0, 0], [2, 0, 0]]


def jsonl(records: Sequence[object]) -> str:
    return "\n".join(map(json.dumps, records))


def votes(*columns: str) -> list[dict[str, Any]]:
    return [dict(zip(columns, vote, strict=True)) for vote in VOTES]


def assert_counted(game: PreferenceGame) -> None:
    assert game.names == ("a", "b", "c")
    np.testing.assert_array_equal(game.P, P)
    np.testing.assert_array_equal(game.pair_weights, PAIRS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("votes.csv", CSV),
        ("votes.csv.gz", CSV),
        ("votes.CSV", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("votes.tsv", CSV.replace(",", "\t")),
        ("votes.tsv.gz", CSV.replace(",", "\t")),
        ("votes.csv", CSV.replace(",a,", ', " a",').replace("\nc", "\n\n c")),
        ("votes.jsonl", jsonl(votes("left", "right", "winner")) + "\n\n"),
        ("votes.jsonl.gz", jsonl(votes("left", "right", "winner"))),
        ("votes.json", json.dumps(votes("left", "right", "winner"))),
    ],
)
def test_left_right_winner_is_counted_as_by_hand(tmp_path: Path, name: str, content: str) -> None:
    assert_counted(load(written(tmp_path, name, content)))


def test_parquet_is_counted_as_by_hand(tmp_path: Path) -> None:
    frame = pd.DataFrame(votes("left", "right", "winner")).assign(judge=1.5)
    frame.to_parquet(tmp_path / "votes.parquet")
    assert_counted(load(tmp_path / "votes.parquet"))


def test_arena_labels_are_counted_as_by_hand(tmp_path: Path) -> None:
    text = CSV.replace("left,right,", "model_a,model_b,").replace("tie", "tie (bothbad)")
    text = text.replace("left\n", "model_a\n").replace("right\n", "model_b\n")
    assert "a,b,model_a" in text
    assert_counted(load(written(tmp_path, "arena.csv", text)))
    assert_counted(load(written(tmp_path, "arena.csv", text.replace("(bothbad)", "").strip())))


def test_numbers_name_answers_too(tmp_path: Path) -> None:
    big = 10**400
    records = [
        {"left": big, "right": 9, "winner": big},
        {"left": big, "right": 9, "winner": "left"},
    ]
    game = load(written(tmp_path, "votes.jsonl", jsonl(records)))
    assert game.names == (str(big), "9")
    assert game.P[0, 1] == 1


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    header, *rows = CSV.splitlines()
    turned = "\n".join([header, *reversed(rows)])
    assert load(written(tmp_path, "1.csv", turned)) == load(written(tmp_path, "2.csv", CSV))


def test_chosen_and_rejected_texts_may_span_lines_and_hold_commas(tmp_path: Path) -> None:
    text = 'id,rejected,chosen\n1,"no, ""never""","yes\nplease"\n2,maybe,"yes\nplease"\n'
    game = load(written(tmp_path, "pairs.csv", text))
    assert game.names == ("maybe", 'no, "never"', "yes\nplease")
    np.testing.assert_array_equal(game.P[2], [1, 1, 0.5])


def test_pairs_that_never_met_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "votes.csv", CSV)
    load(path)
    (record,) = caplog.records
    assert record.name == "prefgames"
    assert record.levelno == logging.WARNING
    assert record.message.startswith(
        f"{path}: 1 of 3 pairs were never compared (first 'b' and 'c')"
    )
    load(written(tmp_path, "whole.csv", CSV + "b,c,left\n"))
    assert len(caplog.records) == 1


PROMPTS = [  # (prompt, chosen, rejected)
    ("q1", "a", "b"),
    ("q1", "b", "c"),
    ("q2", "c", "a"),
    ("q1", "a", "c"),
    ("q2", "a", "b"),
    ("q2", "a", "b"),
    ("q2", "b", "a"),
    ("q2", "c", "b"),
]


def prompts(rows: Sequence[tuple[str, str, str]]) -> str:
    return "prompt,chosen,rejected\n" + "".join(f"{','.join(row)}\n" for row in rows)


def test_prompts_with_the_same_answers_all_compared_are_contexts(tmp_path: Path) -> None:
    game = load(written(tmp_path, "pairs.csv", prompts(PROMPTS)))
    assert game.batch == (2,)
    np.testing.assert_allclose(game.P[0], [[0.5, 1, 1], [0, 0.5, 1], [0, 0, 0.5]])
    np.testing.assert_allclose(game.P[1], [[0.5, 2 / 3, 0], [1 / 3, 0.5, 0], [1, 1, 0.5]])
    np.testing.assert_array_equal(game.pair_weights[1], [[0, 3, 1], [3, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    "rows",
    [
        PROMPTS[:2] + PROMPTS[2:3] + PROMPTS[4:],  # q1 lacks a against c
        [*PROMPTS, ("q1", "a", "d")],  # q1 has an answer more
        [row for row in PROMPTS if row[0] == "q1"],  # a single prompt
        [*PROMPTS, ("q3", "a", "b")],
    ],
)
def test_other_prompts_are_pooled(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    game = load(written(tmp_path, "pairs.csv", prompts(rows)))
    assert game.batch == ()
    a, b = game.names.index("a"), game.names.index("b")
    wins = [row[1:] for row in rows].count(("a", "b"))
    losses = [row[1:] for row in rows].count(("b", "a"))
    assert game.pair_weights[a, b] == wins + losses
    assert game.P[a, b] == pytest.approx(wins / (wins + losses))


CONVERSATIONS: list[dict[str, Any]] = [
    {
        "prompt": f"question {k}",
        "chosen": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": chosen}],
        "rejected": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": rejected}],
        "model_chosen": model,
        "model_rejected": other,
        "rejected_score": 3.5,
        "chosen_score": 4 + k % 2,
    }
    for k, (chosen, rejected, model, other) in enumerate(
        [
            ("yes", "no", "big", "small"),
            ("sure", "well", "big", "small"),
            ("aye", "nay", "small", "big"),
            ("right", "wrong", "big", "tiny"),
        ]
    )
]


def stored(folder: Path, kind: str, records: list[dict[str, Any]]) -> Path:
    if kind == "parquet":
        pd.DataFrame(records).to_parquet(folder / "pairs.parquet")
        return folder / "pairs.parquet"
    return written(folder, "pairs.jsonl", jsonl(records))


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_conversations_are_pooled_by_model(tmp_path: Path, kind: str) -> None:
    game = load(stored(tmp_path, kind, CONVERSATIONS))
    assert game.names == ("big", "small", "tiny")
    np.testing.assert_allclose(game.P[0], [0.5, 2 / 3, 1])
    np.testing.assert_array_equal(game.pair_weights[0], [0, 3, 1])


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_group_by_takes_the_place_of_models(tmp_path: Path, kind: str) -> None:
    game = load(stored(tmp_path, kind, CONVERSATIONS), group_by="score")
    assert game.names == ("3.5", "4", "5")
    np.testing.assert_array_equal(game.P[0], [0.5, 0, 0])
    np.testing.assert_array_equal(game.pair_weights[0], [0, 2, 2])


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_what_both_answers_begin_with_is_no_part_of_them(tmp_path: Path, kind: str) -> None:
    records = [
        {key: record[key] for key in ("chosen", "rejected")} for record in CONVERSATIONS[:1] * 2
    ]
    records[1] = {"chosen": records[1]["chosen"][1:], "rejected": records[1]["rejected"][1:]}
    game = load(stored(tmp_path, kind, records))
    assert game.names == ("no", "yes")
    np.testing.assert_array_equal(game.P[:, 1, 0], [1, 1])  # the prompts are "hi" and none


def test_texts_of_prompts_that_are_contexts_go_before_models(tmp_path: Path) -> None:
    records = [
        {"prompt": q, "chosen": c, "rejected": r, "model_chosen": "m", "model_rejected": "o"}
        for q, c, r in PROMPTS
    ]
    game = load(written(tmp_path, "pairs.jsonl", jsonl(records)))
    assert (game.batch, game.names) == ((2,), ("a", "b", "c"))
    game = load(written(tmp_path, "grouped.jsonl", jsonl(records)), group_by="model")
    assert (game.batch, game.names) == ((), ("m", "o"))
    alone = [record for record in records if record["prompt"] == "q1"]
    game = load(written(tmp_path, "alone.jsonl", jsonl(alone)))
    assert (game.batch, game.names) == ((), ("m", "o"))


def test_group_by_left_and_right(tmp_path: Path) -> None:
    rows = (
        "left,right,winner,left_house,right_house\n"
        "i,j,right,x,x\na,b,right,x,y\nc,d,d,x,y\ne,f,e,x,y\n"
    )
    game = load(written(tmp_path, "votes.csv", rows), group_by="house")
    assert game.names == ("x", "y")
    assert game.P[0, 1] == pytest.approx(1 / 3)


def test_rows_within_a_group_are_left_out_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [*CONVERSATIONS, {**CONVERSATIONS[0], "model_rejected": "big"}]
    records = [record for record in records if record["model_rejected"] != "tiny"]
    game = load(written(tmp_path, "pairs.jsonl", jsonl(records)))
    np.testing.assert_allclose(game.P[0], [0.5, 2 / 3])
    assert "1 of 4 comparisons left out" in caplog.text
    assert "first in line 4" in caplog.text
    records = [{**record, "model_chosen": "m", "model_rejected": "m"} for record in records]
    with pytest.raises(GameError, match="line 1: model_chosen and model_rejected are both 'm'"):
        load(written(tmp_path, "pairs.jsonl", jsonl(records)))
