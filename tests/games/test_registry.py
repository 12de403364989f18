"""Registries: what they know without importing it, packages and files from outside."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from games import GAMES, SpecError
from games.catalogue import make
from games.plugin_files import source
from games.registry import Registry, camel_case
from solvers import SOLVERS, Solver
from solvers.nash_md import NashMd
from tabular import EXPERIMENTS, Experiment
from tests.outside import ROOT, SOLVER, install, plugin_file

GROUP = "prefgames.solvers"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def outside(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[type[Solver]]]:
    """A registry of solvers with the package on the path."""
    monkeypatch.syspath_prepend(installed)
    yield Registry("solver", "solvers", GROUP)
    for name in [name for name in sys.modules if name.startswith("outside_methods")]:
        del sys.modules[name]


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adds to them is dropped afterwards."""
    monkeypatch.setattr(SOLVERS, "added", {})
    monkeypatch.setattr(GAMES, "added", {})


# names


@pytest.mark.parametrize(
    ("registry", "base"), [(SOLVERS, Solver), (EXPERIMENTS, Experiment)], ids=repr
)
def test_every_file_with_a_plugin_is_registered_and_no_base_class(
    registry: Registry[type], base: type
) -> None:
    folder = ROOT / registry.package
    defined = set()
    for path in folder.glob("*.py"):
        module = __import__(f"{registry.package}.{path.stem}", fromlist=[path.stem])
        kind = getattr(module, camel_case(path.stem), base)
        if issubclass(kind, base) and kind is not base and path.stem in registry:
            defined.add(path.stem)
            assert registry[path.stem] is kind
            kind()
    assert defined == set(registry)


def test_a_file_is_a_plugin_if_it_defines_the_class_of_its_name(tmp_path: Path) -> None:
    package = tmp_path / "methods_of_mine"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "mirror": "class Mirror(Solver):\n    pass\n",
        "base": "class Base(Solver, ABC):\n    pass\n",
        "long_base": "class LongBase(\n    Solver,\n    ABC,\n):\n    pass\n",
        "rules": "class Rule(Solver):\n    pass\n",
        "plain": "class Plain:\n    pass\n",
        "inner": "def make():\n    class Inner(Solver):\n        pass\n",
        "broken": "class Broken(Solver):\n    pass\nraise ImportError\n",
        "taste": "class TasteJudge:\n    pass\n",
        "my_judge": "class MyJudge(Judge):\n    pass\n",
        "judge": "class Judge(Protocol):\n    pass\n",
        "game": "\ndef game():\n    pass\n",
        "other": "class Other(Solver.Inner):\n    pass\n\nclass Another(Question):\n    pass\n",
        "asked": "class Asked(Question):\n    pass\n",
    }.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    code = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}]
import methods_of_mine as package
from games.registry import Registry
for options in ({{}}, {{"suffix": "Judge"}}, {{"function": True}}, {{"base": "Question"}}):
    print(*Registry("thing", package.__name__, **options))
print(*(name for name in sys.modules if name.startswith("methods_of_mine.")))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "asked broken mirror my_judge other",
        "my_judge taste",
        "game",
        "asked",
        "",
    ]


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("nash_md", "", "NashMd"),
        ("coin", "Judge", "CoinJudge"),
        ("my_judge", "Judge", "MyJudge"),
        ("judge", "Judge", "JudgeJudge"),
    ],
)
def test_a_class_is_named_after_its_module(name: str, suffix: str, expected: str) -> None:
    assert camel_case(name, suffix) == expected


def test_names_are_known_without_an_import_and_do_not_change(installed: Path) -> None:
    code = f"""
import sys
sys.path[:0] = [{str(installed)!r}]
from solvers import SOLVERS
before = list(SOLVERS)
assert "slow_mirror" in SOLVERS and "sppo" in SOLVERS and "solver" not in SOLVERS
assert len(SOLVERS) == len(before) and SOLVERS.get("nothing") is None
assert not {{"solvers.sppo", "solvers.self_play_mwu", "outside_methods"}} & set(sys.modules)
SOLVERS["sppo"], SOLVERS["slow_mirror"]
assert list(SOLVERS) == before
assert "solvers.sppo" in sys.modules and "solvers.bond" not in sys.modules
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_name_is_added_once(registries: None) -> None:
    GAMES.add("mine", GAMES["condorcet"])
    assert "mine" in GAMES
    for name in ("mine", "dice"):
        with pytest.raises(SpecError, match=f"game '{name}' is already registered, by <function"):
            GAMES.add(name, GAMES["condorcet"])


# packages


def test_an_entry_point_is_loaded_when_its_name_is_looked_up(
    outside: Registry[type[Solver]],
) -> None:
    assert outside["nash_md"] is NashMd
    assert "outside_methods" not in sys.modules
    plugin = outside["slow_mirror"]
    assert plugin is sys.modules["outside_methods.slow_mirror"].SlowMirror
    assert outside["slow_mirror"] is plugin
    assert "outside_methods.needs_more" not in sys.modules


def test_a_package_that_fails_is_listed_and_stops_nothing(outside: Registry[type[Solver]]) -> None:
    working, failed = outside.load_all()
    broken = {entry.name: entry for entry in failed}
    assert set(working) == {*SOLVERS, "slow_mirror"} - {"needs_more", "leaves"}
    assert working["nash_md"] is NashMd
    assert set(broken) == {"nash_md", "needs_more", "leaves"}
    assert {entry.package for entry in broken.values()} == {"outside-methods"}
    assert broken["nash_md"].reason == "the name is taken by solvers.nash_md"
    assert "ImportError: a library that is not installed" in broken["needs_more"].reason
    assert "SystemExit: 7" in broken["leaves"].reason
    assert {entry.name for entry in outside.load_all()[1]} == set(broken)


def test_asking_for_a_package_that_fails_says_why(outside: Registry[type[Solver]]) -> None:
    expected = (
        r"solver 'needs_more' of outside-methods cannot be loaded: ImportError: a library that"
    )
    with pytest.raises(SpecError, match=expected):
        outside["needs_more"]


def test_unknown_names_say_what_exists_outside_too(outside: Registry[type[Solver]]) -> None:
    expected = (
        r"no solver named 'slow_miror'; did you mean slow_mirror.*known: .*nash_md.*slow_mirror"
    )
    with pytest.raises(SpecError, match=expected):
        outside["slow_miror"]


def test_a_name_that_two_packages_offer_is_refused(
    outside: Registry[type[Solver]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "rival-2.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text(f"[{GROUP}]\nslow_mirror = json:JSONDecoder\n")
    monkeypatch.syspath_prepend(tmp_path)
    expected = "solver 'slow_mirror' is offered by outside-methods and rival; uninstall one"
    with pytest.raises(SpecError, match=expected):
        outside["slow_mirror"]
    reasons = [b.reason for b in outside.load_all()[1] if b.name == "slow_mirror"]
    assert reasons == [expected, expected]
    assert "slow_mirror" not in outside.load_all()[0]


def test_the_catalogue_finds_a_game_of_a_package_itself(
    outside: Registry[type[Solver]], registries: None
) -> None:
    assert "weak_cycle" in GAMES
    assert "outside_methods.weak_cycle" not in sys.modules
    with pytest.raises(SpecError, match=r"no game named 'weak_cyle'; did you mean weak_cycle"):
        make("weak_cyle")
    game = make({"name": "weak_cycle", "margin": 0.2})
    assert game.P[0, 1] == pytest.approx(0.7)
    many = {"name": "contextual", "families": ["weak_cycle"], "contexts": 2}
    assert make(many, np.random.default_rng(0)).P[1, 0, 1] == pytest.approx(0.6)
    assert GAMES["weak_cycle"] is sys.modules["outside_methods.weak_cycle"].weak_cycle
    assert "outside_methods.slow_mirror" not in sys.modules


# files


def test_a_file_is_a_solver_of_its_name(tmp_path: Path, registries: None) -> None:
    path = plugin_file(tmp_path)
    assert SOLVERS.add_file(path) == "fixed_policy"
    first = SOLVERS["fixed_policy"]
    assert (first.__name__, first().solve(GAMES["condorcet"]()).policy.sum()) == ("FixedPolicy", 1)
    text, digest = source(first)
    assert text == path.read_bytes()
    path.write_text(SOLVER.replace("0.1", "0.2"), encoding="utf-8")  # as long, as old
    assert SOLVERS.add_file(path) == "fixed_policy"
    assert SOLVERS["fixed_policy"]().tau == 0.2  # type: ignore[attr-defined]  # a field of the file's class
    assert source(SOLVERS["fixed_policy"])[1] != digest
    assert [p.name for p in tmp_path.iterdir()] == ["fixed_policy.py"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("nash_md.py", SOLVER, r"a solver 'nash_md' exists, in solvers\.nash_md; rename the file"),
        ("other.py", SOLVER, r"holds no class Other; the file my_method\.py holds MyMethod"),
        ("fixed_policy.py", "import no_such_thing", r"ModuleNotFoundError: No module named"),
        ("fixed_policy.py", "x = (", r"cannot be imported: SyntaxError"),
        ("fixed_policy.py", "raise SystemExit(0)", r"cannot be imported: SystemExit: 0"),
        ("two words.py", SOLVER, r"expected a Python file called like my_method\.py"),
    ],
)
def test_a_file_of_no_use_says_why(
    tmp_path: Path, registries: None, name: str, text: str, expected: str
) -> None:
    with pytest.raises(SpecError, match=expected):
        SOLVERS.add_file(plugin_file(tmp_path, text, name))
    with pytest.raises(SpecError, match="no such file"):
        SOLVERS.add_file(tmp_path / "nowhere.py")
