import json
from pathlib import Path

import pytest

from games import GameError, load
from tests.written import written


def test_answers_that_never_repeat_need_a_group(tmp_path: Path) -> None:
    rows = "".join(f"yes {k},no {k},{k % 3},x\n" for k in range(9))
    path = written(tmp_path, "p.csv", "chosen,rejected,score_chosen,score_rejected\n" + rows)
    with pytest.raises(
        GameError,
        match=r"p\.csv: 18 different answers, none of them twice; .* --group-by COLUMN, read as "
        r"COLUMN_chosen and COLUMN_rejected \(in this file: score\)",
    ):
        load(path)
    assert load(path, group_by="score").names == ("0", "1", "2", "x")
    with pytest.raises(GameError, match=r"no columns scores_chosen .* did you mean score"):
        load(path, group_by="scores")


def test_more_answers_than_a_table_holds_need_a_group(tmp_path: Path) -> None:
    rows = "".join(f"the same,other {k}\n" for k in range(5_000))
    path = written(tmp_path, "pairs.csv", "chosen,rejected\n" + rows)
    with pytest.raises(GameError, match=r"5,001 different answers, more than 5,000; .* --group-by"):
        load(path)


HEAD = "left,right,winner\na,b,left\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.csv", HEAD + "b,a,both\n", "line 3: winner is 'both', expected left, right, tie or"),
        ("v.csv", HEAD + "b,a,\n", "line 3: winner is ''"),
        ("v.csv", HEAD + "\n\nc,c,left\n", "line 5: 'c' is compared with itself"),
        ("v.csv", HEAD + '"b\nb",a,left\n\nb,a,\n', "line 6: winner is ''"),
        ("v.csv", HEAD + "a, ,left\n", "line 3: right is blank"),
        ("v.csv", HEAD + "a,b\n", "line 3: 2 cells, expected 3"),
        ("v.csv", HEAD + "a,tie,left\n", "line 3: compares 'a' with 'tie'; no answer may be"),
        ("v.csv", HEAD + 'a,"b,left\n', "line 3: unexpected end of data"),
        ("v.csv", HEAD + f"a,{'b' * 200_000},left\n", "line 3: field larger than field limit"),
        ("v.csv", HEAD.encode() + b"\xff,b,left\n", "line 3: byte 0xff is not UTF-8"),
        ("v.csv", "left,right,winner\n", "no comparisons below the header"),
        ("v.csv", "left,right,winner,left\na,b,a,c\n", "repeat a name"),
        ("v.csv", "left,right,winner,chosen,rejected\na,b,a,a,b\n", "fit more than one"),
        ("v.jsonl", '{"left": "a", "right": "b"}', "make no comparison table"),
        ("v.jsonl", '{"chosen": "a", "rejected": "b"}\n{"chosen": "a"}', "line 2: lacks rejected"),
        ("v.jsonl", '{"chosen": "a", "rejected": null}', "line 1: rejected is null, expected"),
        ("v.jsonl", '{"chosen": "a", "rejected": [{"role": "user"}]}',
         "line 1: rejected is a list whose message 1 has the content null"),
        ("v.jsonl", '{"chosen": "a", "rejected": true}', "line 1: rejected is bool"),
        ("v.jsonl", json.dumps({"chosen": [{"content": "a"}], "rejected": [{"content": "a"}]}),
         "line 1: 'a' is compared with itself"),
        ("v.jsonl", '\n{"chosen": "a",\n', "line 2: no JSON at column"),
        ("v.jsonl", '[["a", "b"]]', "line 1: is list, expected an object"),
        ("v.jsonl", "\u00a0\n", "holds no records"),
        ("v.json", '[{"chosen": "a", "rejected": "b"}, 3]', "record 2: is int"),
        ("v.json", '[{"chosen": "a", "rejected": "\\ud800"},'
         '{"chosen": "a", "rejected": "\\ud800"}]', "half a surrogate pair"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(GameError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
