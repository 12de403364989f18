"""``prefgames audit``: the text, the JSON, the page, and mistakes."""

import json
import random
from pathlib import Path

import pytest

from tests.command import call

FEW = ("--tests", "49", "--bootstrap", "30")


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cycle among A, B and <b>C</b>, ten comparisons by each of forty raters."""
    path = tmp_path_factory.mktemp("data") / "votes.csv"
    rng = random.Random(1)
    lines = ["left,right,winner,rater"]
    for rater in range(40):
        for _ in range(10):
            one, other = rng.choice([("A", "B"), ("B", "<b>C</b>"), ("<b>C</b>", "A")])
            lines.append(f"{one},{other},{'left' if rng.random() < 0.75 else 'right'},r{rater}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_text_fits_80_columns_and_ends_with_what_to_ask(
    votes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(monkeypatch, capsys, "audit", votes, *FEW)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "A cycle is established" in out
    assert "40 raters" in out
    assert out.index("What was read") < out.index("What to ask next")
    assert "are the cycles real? ..." in err


def test_the_json_has_fixed_keys_and_no_nan(
    votes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(monkeypatch, capsys, "audit", votes, "--json", *FEW)
    assert code == 0
    found = json.loads(out, parse_constant=pytest.fail)
    assert list(found) == [
        "read", "bradley_terry", "cycles", "answers", "cost", "influence", "next_pairs", "verdict",
    ]  # fmt: skip
    assert found["read"]["answers"] == ["<b>C</b>", "A", "B"]
    assert found["read"]["comparisons"] == 400
    assert found["bradley_terry"]["p_value"] <= 0.05
    assert found["cycles"]["p_value"] <= 0.05
    assert len(found["cycles"]["condorcet_probability"]) == 3
    for concept in ("RLHF", "NLHF", "SLHF"):
        answer = found["answers"][concept]["tau = 0.1"]
        assert set(answer) >= {"policy", "low", "high", "set"}
        assert sum(answer["policy"]) == pytest.approx(1)
    assert found["cost"]["NLHF"]["tau = 0"]["same_data"] == pytest.approx(0, abs=1e-9)
    raters = {i["key"] for i in found["influence"]["NLHF"]["left_out"] if i["what"] == "rater"}
    assert raters <= {f"r{k}" for k in range(40)}
    assert len(raters) == 20
    assert found["verdict"]["not_bradley_terry"] is True
    assert found["verdict"]["cyclic"] is True


def test_the_page_holds_the_sections_and_names_stay_text(
    votes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "pages" / "audit.html"
    code, _, err = call(monkeypatch, capsys, "audit", votes, "--html", target, *FEW)
    assert code == 0
    assert str(target) in err
    text = target.read_text(encoding="utf-8")
    assert "Are the cycles real?" in text
    assert "<b>C" not in text
    assert "&lt;b&gt;C" in text
    assert text.count("<svg") == 4
    for caption in ("Bold where a band", "An arrow leads", "Probability of each", "without a pair"):
        assert caption in text


def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("0.5,0.7\n0.3,0.5\n", encoding="utf-8")
    for path, options, reason in (
        (tmp_path / "nowhere.csv", (), "no file"),
        (table, (), "holds win probabilities"),
        (table, ("--tau", "0"), "must be greater than 0"),
        (table, ("--bootstrap", "1"), "expected at least"),
    ):
        code, out, err = call(monkeypatch, capsys, "audit", path, *options)
        assert (code, out) == (2, "")
        assert reason in err
        assert len(err.splitlines()) == 1
