"""The command line: what it prints, where, and with which exit code."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import webbrowser
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from benchmarks.matrix import cells
from benchmarks.runner import measure
from benchmarks.spec import read
from results import load
from tests.command import call
from tests.written_runs import write

FAKE = [sys.executable, str(Path(__file__).parents[1] / "programs" / "fake_prefgames.py")]
SPEC = """
name = "fakes"
timeout = 60

[[games]]
name = "condorcet"

[[solvers]]
name = "nlhf_exact"

[[experiments]]
name = "fake"
"""


WAITING = 'do = "wait"\nmarks = "{marks}"\ngrid = {{ repeat = [1, 2, 3, 4, 5, 6] }}\n'


def spec(folder: Path, experiment: str, timeout: float = 60) -> Path:
    path = folder / "fakes.toml"
    path.write_text(SPEC.replace("= 60", f"= {timeout}") + experiment, encoding="utf-8")
    return path


def fake(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*FAKE, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def started(folder: Path, marks: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """A run of ``WAITING`` that has stored three cells and is in the fourth."""
    command = [*FAKE, *map(str, arguments)]
    going = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    while not (marks / "waiting").exists() or lines(folder) < 3:
        assert going.poll() is None, going.communicate()
        time.sleep(0.01)
    return going


def lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("runs/*/rows/*.jsonl"))


def the_run(folder: Path) -> Path:
    (only,) = (folder / "runs").iterdir()
    return only


def answers(folder: Path) -> pd.DataFrame:
    return load(the_run(folder)).query("metric != 'seconds'")


def test_a_killed_run_resumes_to_the_table_of_an_undisturbed_one(tmp_path: Path) -> None:
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    file = spec(tmp_path, WAITING.format(marks=tmp_path))
    order: list[str | Path] = ["run", file, "--jobs", "1"]
    going = started(tmp_path / "killed", tmp_path, *order)
    os.kill(going.pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    going.communicate()
    assert load(the_run(tmp_path / "killed"))["cell"].nunique() == 3
    resumed = fake(tmp_path / "killed", *order)
    assert (resumed.returncode, fake(tmp_path / "whole", *order).returncode) == (0, 0)
    assert "6 cells: 6 done (3 now)" in resumed.stderr.splitlines()[-1]
    assert "residual" not in resumed.stderr
    assert "drawing the figures" in resumed.stderr
    (the_run(tmp_path / "killed") / "report.html").touch()
    again = fake(tmp_path / "killed", *order)
    assert "6 cells: 6 done (0 now)" in again.stderr
    assert "drawing the figures" not in again.stderr
    assert_frame_equal(answers(tmp_path / "killed"), answers(tmp_path / "whole"))


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    file = spec(tmp_path, WAITING.format(marks=tmp_path))
    order: list[str | Path] = ["run", file, "--jobs", "1"]
    going = started(tmp_path, tmp_path, *order)
    os.killpg(going.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = going.communicate(timeout=60)
    assert (going.returncode, out) == (130, "")
    assert re.search(r"interrupted: 3 of 6 cells are kept in runs/fakes-\w{8}; resume with:", err)
    assert f"prefgames run {file} --jobs 1" in err
    assert "Traceback" not in err
    statuses = load(the_run(tmp_path)).groupby("cell", sort=False)["status"].last()
    assert list(statuses) == ["ok", "ok", "ok", "interrupted"]
    (tmp_path / "go").touch()
    assert fake(tmp_path, *order).returncode == 0
    assert list(load(the_run(tmp_path))["status"].unique()) == ["ok"]


def test_what_fails_is_shown_and_counted_and_takes_no_other_cell_with_it(tmp_path: Path) -> None:
    kinds = ["count", "divide", "undefined", "print", "die", "endless", "threads", "nothing"]
    done = fake(tmp_path, "run", spec(tmp_path, f"grid = {{ do = {kinds} }}\n", timeout=2))
    assert done.returncode == 1
    frame = load(the_run(tmp_path))
    last = frame.groupby(frame["labels"].map(lambda text: json.loads(text)["do"])).last()
    assert dict(last["status"]) == {
        "count": "ok",
        "divide": "error",
        "undefined": "undefined",
        "print": "ok",
        "die": "crashed",
        "endless": "timeout",
        "threads": "ok",
        "nothing": "skipped",
    }
    assert last.loc["threads", "value"] == 1
    assert "8 cells: 5 done (8 now), 3 failed, 1 undefined;" in done.stderr
    assert "worst certificate residual 1e-12" in done.stderr
    assert re.search(
        r"^timeout: fake .*endless.* on condorcet .* took longer than 2 s", done.stderr, re.M
    )
    assert "a solver that talks" in done.stderr
    assert "a solver that talks" not in done.stdout
    assert "took longer than 2 seconds" in done.stdout  # none of the questions: the statuses
    assert "Traceback" not in done.stderr


def test_failed_cells_run_again_and_complete_ones_do_not(tmp_path: Path) -> None:
    recover = f'do = "recover"\nmarks = "{tmp_path}"\ngrid = {{ repeat = [1, 2] }}\n'
    order: list[str | Path] = ["run", spec(tmp_path, recover), "--jobs", "1"]
    (tmp_path / "1").touch()
    first, second = fake(tmp_path, *order), fake(tmp_path, *order)
    assert (first.returncode, second.returncode) == (1, 0)
    assert "2 cells: 1 done (2 now), 1 failed" in first.stderr
    assert "2 cells: 2 done (1 now), 0 failed" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "quick", "--sovler", "nlhf_exact"], r"No such option: --sovler .*--solver"),
        (["rnu", "quick"], r"No such command 'rnu'"),
        (["run"], r"Missing argument 'spec'|Missing argument 'SPEC'"),
        (["run", "quick", "--jobs", "0"], r"--jobs"),
        (["run", "qick"], r"no spec named 'qick' and no such file; did you mean quick"),
        (["run", "quick", "--game", "condorcat"], r"no game named 'condorcat'; did you mean cond"),
        (
            ["run", "quick", "--solver", "nlhf_exac"],
            r"no solver named 'nlhf_exac'; did you mean nl",
        ),
        (
            ["run", "quick", "-p", "tua=1"],
            r"no solver of this run has a parameter 'tua'; did you .*tau",
        ),
        (["run", "quick", "-p", "tau"], r"'tau' is not NAME=VALUE, e\.g\. tau=0\.1"),
        (["run", "quick", "-p", "tau=-1"], r"RlhfExact: tau is -1"),
        (["run", "quick", "--data", "nowhere.csv"], r"nowhere\.csv"),
        (["run", "quick", "--group-by", "model"], r"--group-by belongs to --data"),
        (["run", "bad.toml"], r"bad\.toml: unknown key 'gmaes'; did you mean games"),
        (["run", "quick", "--out", "bad.toml"], r"bad\.toml"),
        (["ls", "gmaes"], r"'kind': 'gmaes' is not one of .*solvers.*games"),
        (["solve", "condorcat"], r"no game named 'condorcat' and no such file; did you mean cond"),
        (["solve", "condorcet", "--tau", "abc"], r"--tau"),
        (["solve", "condorcet", "--tau", "-1"], r"NlhfExact: tau is -1.*\[0, inf\)"),
        (["solve", "condorcet", "-g", "alhpa=[1]"], r"condorcet has no parameter 'alhpa'; did you"),
        (["solve", "condorcet", "--tau", "1", "-p", "tau=2"], r"tau is also given by -p; keep one"),
        (
            ["solve", "condorcet", "--group-by", "x"],
            r"--group-by belongs to .* condorcet is a game",
        ),
        (["solve", "condorcet", "--solver", "nash_md", "-p", "max_steps=2.5"], r"whole number"),
        (["run", "quick", "-p", "samples=1.5"], r"samples is 1\.5, expected a whole number"),
        (["run", "quick", "-g", "epsylon=1"], r"no game of this run has a parameter .*epsilon"),
        (["run", "quick", "--game", "random(n)"], r"'random\(n\)' cannot be read; expected name\("),
        (["run", "quick", "--cell", "xyz"], r"0 of the \d+ cells of this run begin with 'xyz'"),
        (["solve", "bad.toml"], r"bad\.toml: .*\.csv"),
        (["report", "nowhere"], r"nowhere"),
        (["figures", "nowhere"], r"nowhere"),
        (["figures"], r"no run; give a run directory, or --list"),
        (["figures", "nowhere", "--only", "stroy"], r"no figure 'stroy'; there are story"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text("gmaes = 1", encoding="utf-8")
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.search(message, err)
    assert err.startswith("prefgames: ")
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_no_command_gives_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert re.search(r"\n +run +Run a spec", out)


def test_the_version_and_completion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(monkeypatch, capsys, "--version")
    assert (code, out) == (0, f"prefgames {version('prefgames')}\n")
    monkeypatch.setenv("_PREFGAMES_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "prefgames do")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert call(monkeypatch, capsys)[1].split() == ["doctor"]


def test_one_cell_is_computed_alone_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = read("quick").only("game", ["condorcet"]).only("solver", ["nlhf_exact(tau=0)"])
    cell = next(cell for cell in cells(plan) if cell.experiment == "refinement")
    order = ["run", "quick", "--game", "condorcet", "--solver", "nlhf_exact(tau=0)"]
    code, out, err = call(monkeypatch, capsys, *order, "--cell", cell.key[:10])
    assert (code, err) == (0, "")
    first, header, *lines = out.splitlines()
    assert first == (
        f"{cell.key}: refinement(n_answers=4) on condorcet with nlhf_exact(tau=0), "
        "nothing in it is drawn"
    )
    assert header.split() == ["metric", "labels", "value", "status"]
    (tmp_path / "games").mkdir()
    expected = measure(cell, tmp_path)[1]
    assert [float(line.split()[-2]) for line in lines] == [row.value for row in expected]
    assert not Path("runs").exists()


def test_options_change_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "my own.csv"
    path.write_text(",a,b\na,,3\nb,1,\n", encoding="utf-8")
    order: list[str | Path] = [
        "run",
        spec(tmp_path, 'do = "draw"\n'),
        "--jobs",
        "1",
        "--data",
        path,
    ]
    changed = [
        "--game",
        "dice",
        "--solver",
        "slhf_exact",
        "-p",
        "tau=0.3",
        "--seed",
        "4",
        "--seeds",
        "2",
    ]
    assert fake(tmp_path, *order, *changed).returncode == 0
    frame = load(the_run(tmp_path))
    assert set(frame["game"]) == {"my own", "dice"}
    assert set(frame["params"]) == {'{"tau_follower":0.3,"tau_leader":0.3}'}
    assert set(frame["seed"]) == {4, 5}


def in_terminal(*arguments: str | Path, **environment: str) -> str:
    """The text that the command writes on a terminal."""
    ours, theirs = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    command = [*FAKE, *map(str, arguments)]
    child = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env={**base, "TERM": "xterm-256color", **environment}
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not chunk:
            break
        written += chunk
    os.close(ours)
    assert child.wait() == 0
    return written.decode()


def test_a_terminal_gets_a_bar_and_no_color_is_honoured(tmp_path: Path) -> None:
    colour = re.compile(r"\x1b\[[\d;]*\b(3\d|9[0-7])[\d;]*m")
    order: list[str | Path] = ["run", spec(tmp_path, ""), "--jobs", "1", "--out"]
    for folder, environment in (("a", {}), ("b", {"NO_COLOR": "1"})):
        shown = in_terminal(*order, tmp_path / folder, **environment)
        assert bool(colour.search(shown)) == (not environment)
        assert re.search(r"1/1 +cells", re.sub(r"\x1b\[[\d;]*m", "", shown))


def test_nothing_heavy_is_loaded_before_a_command_needs_it() -> None:
    code = "import sys, benchmarks.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "pandas", "pyarrow", "matplotlib", "torch", "pydantic", "pebble"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("found", [True, False])
def test_open_shows_the_report_in_the_browser_or_says_that_there_is_none(
    found: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, shown = write(tmp_path / "small-01234567"), tmp_path / "address"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shown}\n', encoding="utf-8")
    browser.chmod(0o755 if found else 0o644)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # found again, from this BROWSER
    code, out, err = call(monkeypatch, capsys, "report", run, "--format", "md", "--open")
    assert (code, out) == (0, f"{run / 'report.md'}\n")
    assert shown.is_file() == found
    if found:
        assert shown.read_text(encoding="utf-8") == (run / "report.md").as_uri()
    assert ("no browser could be opened" in err) != found
