"""Comparisons written in other forms load as the same game."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from games import GameError, PreferenceGame, load
from games.io import read, write
from tests.written import written

SOURCES = {
    "votes.csv": "left,right,winner,rater\nA,B,left,x\nB,C,tie,y\nC,A,C,\nA,B,right,x\n",
    "soft.csv": 'left,right,prob,count\n"A, ""a""",B,.75,2\nB,C,0.5,1\nC,B,1,3\n',
    "prompts.csv": "prompt,chosen,rejected\np,A,B\nq,B,A\np,A,B\n",
    "pooled.csv": "prompt,chosen,rejected\np,A,B\nq,B,C\nq,C,A\n",
    "models.csv": "prompt,chosen,rejected,model_chosen,model_rejected\n"
    "p,yes,no,m,o\nq,aye,no,o,m\n",
    "wins.json": '{"wins": [[0, 2.5], [1.5, 0]], "names": ["A", "B"]}',
    "orders.toi": "# NUMBER ALTERNATIVES: 3\n"
    + "".join(f"# ALTERNATIVE NAME {k}: {name}\n" for k, name in enumerate("CBA", 1))
    + "3: 1,{2,3}\n2: 2,1\n",
}


def by_name(game: PreferenceGame) -> list[Any]:
    """Win rates and counts with the answers sorted by name."""
    order = np.argsort(game.names)
    tables = [table[..., order, :][..., order] for table in (game.P, game.pair_weights)]
    return [sorted(game.names), *tables]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "toi"])
@pytest.mark.parametrize("form", ["trl", "arena"])
@pytest.mark.parametrize("name", SOURCES)
def test_what_is_written_loads_as_the_same_game(
    tmp_path: Path, name: str, form: str, ending: str
) -> None:
    path, out = written(tmp_path, name, SOURCES[name]), tmp_path / f"out.{ending}"
    if ending == "toi" and name in ("soft.csv", "prompts.csv", "wins.json"):
        with pytest.raises(GameError, match="PrefLib"):
            write(read(path), out)
        assert not out.exists()
        return
    write(read(path), out, None if ending == "toi" else form)
    before, after = by_name(load(path)), by_name(load(out))
    assert before[0] == after[0]
    for one, two in zip(before[1:], after[1:], strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-12)
    assert {file.name for file in tmp_path.iterdir()} == {name, out.name}


def test_the_forms_have_the_columns_of_others(tmp_path: Path) -> None:
    data = read(written(tmp_path, "prompts.csv", SOURCES["prompts.csv"]))
    write(data, tmp_path / "out.jsonl")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first == {"prompt": "p", "chosen": "A", "rejected": "B"}
    data = read(written(tmp_path, "votes.csv", SOURCES["votes.csv"]))
    write(data, tmp_path / "out.csv", "arena")
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame.columns.tolist() == ["model_a", "model_b", "winner", "judge"]
    assert frame["winner"].tolist() == ["model_a", "tie", "model_a", "model_b"]
    assert read(tmp_path / "out.csv").raters == ("x", "y")


def test_prompts_kept_apart_are_written_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "pooled.csv", SOURCES["pooled.csv"])
    write(read(path, by_prompt=True), tmp_path / "out.csv")
    assert "load it with --by-prompt" in caplog.text
    assert load(tmp_path / "out.csv", by_prompt=True) == load(path, by_prompt=True)


@pytest.mark.parametrize(
    ("out", "form", "message"),
    [
        ("out.xlsx", "trl", r"written to files that end in \.csv, \.tsv, \.jsonl, \.parquet"),
        ("out.csv", "preflib", r"written to files that end in \.soi, \.toi"),
        ("out.csv", "tlr", "no form named 'tlr'; did you mean trl"),
        ("out.soi", None, r"has ties; name a file of orders with ties \.toi"),
        ("missing/out.csv", None, "give a writable path"),
        ("out.csv", "arena", "answer 'Tie' is called as a winner may be"),
        ("out.csv", None, "'Z' was never compared"),
    ],
)
def test_what_cannot_be_written_says_why(
    tmp_path: Path, out: str, form: str | None, message: str
) -> None:
    text = SOURCES["votes.csv"]
    if "Tie" in message:
        text = "chosen,rejected\nTie,B\nTie,B\n"
    name, text = ("votes.csv", text) if "'Z'" not in message else ("w.csv", ",A,B,Z\nA,0,1,0\n"
                  "B,2,0,0\nZ,0,0,0\n")  # fmt: skip
    data = read(written(tmp_path, name, text))
    with pytest.raises(GameError, match=message):
        write(data, tmp_path / out, form)
    assert [file.name for file in tmp_path.iterdir()] == [name]
