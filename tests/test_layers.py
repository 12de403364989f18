"""The house rules that a parser can check: who imports whom, what is heavy, what is banned."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = {
    "results": set[str](),
    "games": set[str](),
    "solvers": {"games"},
    "tabular": {"games", "solvers", "results"},
    "llm": {"games", "solvers", "tabular", "results"},
    "benchmarks": {"games", "solvers", "tabular", "llm", "results"},
}
FILES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

HEAVY = {"torch", "transformers", "matplotlib"}
INSIDE_FUNCTIONS = {
    "games": {"pandas", "pyarrow"},
    "results": {"matplotlib", "pyarrow"},
    "benchmarks": {"torch", "llm"},
}
"""Imports that a layer may hold inside functions; only llm may import torch openly."""

TEMPLATES = ROOT / "benchmarks" / "templates"
"""Plugins to begin with, shipped as text: they may import what llm may."""

NEED_TORCH = [
    ROOT / "benchmarks" / "conformance" / f"{kind}.py"
    for kind in ("judge", "learner", "enumeration")
]
"""Contracts that may import llm and torch openly: they are loaded when such a plugin is checked."""

COMPUTED = [ROOT / "games" / "registry.py", ROOT / "benchmarks" / "kinds.py"]
"""Files that import modules by names that others give them."""

UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
UNSAFE_CALLS = re.compile(
    r"(eval|exec|compile|__import__|os\.system|os\.popen|subprocess\.getoutput|"
    r".*\.(read_pickle|to_pickle))"
)
VAGUE_NAMES = re.compile(r"_*(utils?|helpers?|misc|common|tools|stuff)_*|.*_(old|new|v\d+)")

VAGUE_WORDS = {"told", "own", "held", "seen", "there", "apart", "here", "gone", "look", "looks"}
"""Words that name nothing: a name says what a thing is (reason, mask, distance, parameters)."""

STANDARD_PHRASES = re.compile(r"held_?out|seen_favourite", re.IGNORECASE)
"""Phrases with such words that are terms of the field or names of metrics."""

EMPTY_DOCSTRINGS = re.compile(
    r"(Always|Likewise\b.*|See the \w+|(As|Like) the \w+( says)?|(That|Those|Of)\b( \S+){1,3}"
    r"|The \w+'s)\."
)
"""Docstrings that say nothing to someone who has not read the code around them."""


BY_NAME = ("import_module", "resolve_name")


def imports(node: ast.AST, deferred: bool = False) -> Iterator[tuple[str, bool, int]]:
    """(dotted module, whether it is deferred, line); relative modules keep their dots.

    Deferred: inside a function, or under ``if TYPE_CHECKING``.
    """
    for child in ast.iter_child_nodes(node):
        later = deferred or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        later = later or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        if isinstance(child, ast.Import):
            yield from ((alias.name, deferred, child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield "." * child.level + (child.module or ""), deferred, child.lineno
        elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith(BY_NAME):
            name = child.args[0]
            text = str(name.value) if isinstance(name, ast.Constant) else "?"
            yield text.partition(":")[0], deferred, child.lineno
        yield from imports(child, later)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def wrong_imports(path: Path, tree: ast.Module) -> list[str]:
    layer = "llm" if path.parent == TEMPLATES else path.relative_to(ROOT).parts[0]
    inside = INSIDE_FUNCTIONS.get(layer, set())
    complaints = []
    for module, deferred, line in imports(tree):
        top = module.partition(".")[0]
        if not top:
            complaints.append(f"line {line}: {module} is relative")
        elif top == "?" and path not in COMPUTED:
            complaints.append(f"line {line}: imports a module whose name is computed")
        elif top in LAYERS and top != layer and top not in LAYERS[layer]:
            complaints.append(f"line {line}: {layer} imports {top}")
        elif top == "tests":
            complaints.append(f"line {line}: {layer} imports tests")
        elif layer == "llm" or path in NEED_TORCH:
            continue
        elif top in HEAVY | inside and not deferred:
            complaints.append(f"line {line}: {top} at module level")
        elif top in HEAVY - inside:
            complaints.append(f"line {line}: {layer} imports {top}")
    return complaints


def unsafe_code(tree: ast.Module) -> list[str]:
    complaints = [
        f"line {line}: {module}"
        for module, _, line in imports(tree)
        if module.partition(".")[0] in UNSAFE_MODULES
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if UNSAFE_CALLS.fullmatch(called):
            complaints.append(f"line {node.lineno}: {called}()")
        if options.get("shell", "False") != "False":
            complaints.append(f"line {node.lineno}: shell={options['shell']}")
        if options.get("allow_pickle", "False") != "False":
            complaints.append(f"line {node.lineno}: allow_pickle={options['allow_pickle']}")
    return complaints


def unexplained_silencing(source: str, tree: ast.Module) -> list[str]:
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    complaints = [
        f"line {line}: {text}"
        for line, text in comments.items()
        if re.search(r"type: ignore(?!\[)|noqa(?!: [A-Z])", text)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "everything" if node.type is None else ast.unparse(node.type)
            if re.search(r"everything|\b(Base)?Exception\b", caught) and not comments.get(
                node.lineno
            ):
                complaints.append(f"line {node.lineno}: catches {caught} without saying why")
    return complaints


def vague_names(tree: ast.Module) -> list[str]:
    """Definitions with a vague word in their name; the name of a test is a sentence and may."""
    complaints = []
    for node in ast.walk(tree):
        name: str | None = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = "" if node.name.startswith("test_") else node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias):
            name = node.asname
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            name = node.name
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", STANDARD_PHRASES.sub("", name or ""))
        if not VAGUE_WORDS.isdisjoint(word.lower() for word in words):
            complaints.append(f"line {getattr(node, 'lineno', '?')}: {name}")
    return complaints


def empty_docstrings(tree: ast.Module) -> list[str]:
    """Docstrings of public definitions that have fewer than three words or say nothing."""
    complaints = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        text = ast.get_docstring(node)
        if node.name.startswith("_") or text is None:
            continue
        if len(text.split()) < 3 or EMPTY_DOCSTRINGS.fullmatch(text):
            complaints.append(f"line {node.lineno}: {node.name}: {text}")
    return complaints


def imported_tests(tree: ast.Module) -> list[str]:
    """Imports of modules whose names begin with ``test_``."""
    complaints = []
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        for module in modules:
            if any(part.startswith("test_") for part in module.split(".")):
                complaints.append(f"line {getattr(node, 'lineno', '?')}: {module}")
    return complaints


def test_there_is_something_to_check() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == LAYERS.keys()


def complaints(check: Callable[[Path], list[str]], paths: list[Path]) -> dict[str, list[str]]:
    """File -> what the check finds in it, for the files in which it finds something."""
    found = {str(path.relative_to(ROOT)): check(path) for path in paths}
    return {name: lines for name, lines in found.items() if lines}


def test_imports_follow_the_layers() -> None:
    assert complaints(lambda path: wrong_imports(path, parsed(path)), FILES) == {}


def test_nothing_unpickles_or_runs_text() -> None:
    assert complaints(lambda path: unsafe_code(parsed(path)), FILES) == {}


def test_silenced_warnings_say_which_and_why() -> None:
    def check(path: Path) -> list[str]:
        return unexplained_silencing(path.read_text(encoding="utf-8"), parsed(path))

    assert complaints(check, FILES + TESTS) == {}


def test_files_are_named_after_what_they_hold() -> None:
    assert [path for path in FILES + TESTS if VAGUE_NAMES.fullmatch(path.stem)] == []


def test_names_say_what_they_name() -> None:
    assert complaints(lambda path: vague_names(parsed(path)), FILES + TESTS) == {}


def test_docstrings_are_sentences() -> None:
    assert complaints(lambda path: empty_docstrings(parsed(path)), FILES) == {}


def test_no_test_imports_another() -> None:
    assert complaints(lambda path: imported_tests(parsed(path)), TESTS) == {}


@pytest.mark.parametrize(
    ("layer", "code", "complaint"),
    [
        ("games", "import solvers", "games imports solvers"),
        ("results", "def f():\n    from games.game import PreferenceGame", "results imports games"),
        ("solvers", "import importlib\nimportlib.import_module('tabular')", "imports tabular"),
        ("tabular", "from benchmarks import cli", "tabular imports benchmarks"),
        ("benchmarks", "from tests.strategies import games", "imports tests"),
        ("solvers", "from .solver import Solver", ".solver is relative"),
        ("solvers", "from . import solver", ". is relative"),
        ("tabular", "class A:\n    import torch", "torch at module level"),
        ("solvers", "def f():\n    import torch", "solvers imports torch"),
        ("results", "import matplotlib.pyplot", "matplotlib at module level"),
        ("games", "if True:\n    import pandas as pd", "pandas at module level"),
        ("benchmarks", "from llm import learners", "llm at module level"),
        ("benchmarks", "import torch", "torch at module level"),
        ("tabular", "def f():\n    import llm", "tabular imports llm"),
        ("llm", "from benchmarks import cli", "llm imports benchmarks"),
        ("benchmarks/templates", "from benchmarks import cli", "imports benchmarks"),
        ("benchmarks/conformance", "from torch import Tensor", "torch at module level"),
        ("benchmarks/conformance", "import llm", "llm at module level"),
        ("solvers", "import importlib\nimportlib.import_module(f'{x}')", "name is computed"),
        ("benchmarks", "from pkgutil import resolve_name\nresolve_name('llm:A')", "llm at module"),
    ],
)
def test_the_layer_check_finds(layer: str, code: str, complaint: str) -> None:
    (line,) = wrong_imports(ROOT / layer / "new.py", ast.parse(code))
    assert complaint in line


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("tabular", "import games.measures\nfrom results.rows import Row\nimport pandas"),
        ("results", "def f():\n    from matplotlib.figure import Figure"),
        ("games", "def f():\n    import pandas"),
        ("llm", "import torch"),
        ("llm", "from tabular.experiment import Experiment"),
        ("benchmarks", "def f():\n    import llm.judges"),
        ("benchmarks/templates", "from torch import Tensor\nfrom llm.learners import Learner"),
        ("results", "if TYPE_CHECKING:\n    from matplotlib.figure import Figure"),
    ],
)
def test_the_layer_check_allows(layer: str, code: str) -> None:
    assert wrong_imports(ROOT / layer / "new.py", ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "def f():\n    from joblib import Memory",
        "eval('1')",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
    ],
)
def test_the_safety_check_finds(code: str) -> None:
    assert len(unsafe_code(ast.parse(code))) == 1


def test_the_safety_check_allows() -> None:
    code = "re.compile('x')\nnp.load(path, allow_pickle=False)\nmodel.eval()"
    assert unsafe_code(ast.parse(code)) == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("x = 1  # type: " + "ignore", 1),
        ("x = 1  # no" + "qa", 1),
        ("try:\n    f()\nexcept Exception:\n    pass", 1),
        ("try:\n    f()\nexcept:\n    pass", 1),
        ("x = 1  # type: ignore[misc]  # stubs are wrong\ny = 'type: ignore'", 0),
        ("try:\n    f()\nexcept Exception as error:  # plugins may raise anything\n    pass", 0),
    ],
)
def test_the_silencing_check(code: str, count: int) -> None:
    assert len(unexplained_silencing(code + "\n", ast.parse(code))) == count


@pytest.mark.parametrize(
    "code",
    [
        "told = 1",
        "own_rate: float = 1",
        "(a, [rows_apart]) = pairs",
        "self.seen = 1",
        "for _held in games: pass",
        "def f(there): pass",
        "f = lambda *looks: 1",
        "def look_up(): pass",
        "def f():\n    def here(): pass",
        "class OwnRate: pass",
        "class A:\n    gone: int",
        "import numpy as own",
        "with open(path) as told: pass",
        "try: f()\nexcept ValueError as told: pass",
        "match x:\n    case [told, *_]: pass",
        "{seen for seen in x}",
        "x = (told := 1)",
    ],
)
def test_the_check_of_names_finds(code: str) -> None:
    assert len(vague_names(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "theirs = owner = known = looked = 1",
        "held_out = held_out_accuracy = seen_favourite = unseen_share = 1",
        "class HeldOut: pass",
        "def test_what_is_told_is_seen(): pass",
        "x = row['told'] + other.own",
        "f(own=1)",
        "'told'",
    ],
)
def test_the_check_of_names_allows(code: str) -> None:
    assert vague_names(ast.parse(code)) == []


@pytest.mark.parametrize(
    "text",
    [
        *("None.", "The file.", "Always.", "See the class.", "The solver's.", "That of rloo."),
        *("As the solver says.", "Of its kind.", "Likewise; an alias is refused."),
    ],
)
@pytest.mark.parametrize("definition", ["def f():", "class F:", "class F:\n  def g(self):"])
def test_the_check_of_docstrings_finds(definition: str, text: str) -> None:
    assert len(empty_docstrings(ast.parse(f'{definition}\n    "{text}"'))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f", "The scale of its kind."),
        ("f", "See the class.\n\n    Raises\n    ------\n    GameError\n"),
        ("_f", "None."),
        ("f", "Of all pairs of answers, those that were compared."),
    ],
)
def test_the_check_of_docstrings_allows(name: str, text: str) -> None:
    assert empty_docstrings(ast.parse(f'def {name}():\n    """{text}"""')) == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("from tests.solvers.test_laws import GAMES", 1),
        ("from tests.solvers import test_laws", 1),
        ("import tests.solvers.test_laws as laws", 1),
        ("def f():\n    from .test_laws import GAMES", 1),
        ("from tests.strategies import games\nimport pytest", 0),
    ],
)
def test_the_check_of_imported_tests(code: str, count: int) -> None:
    assert len(imported_tests(ast.parse(code))) == count


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("games", {*HEAVY, "pandas", "pyarrow"}),
        ("solvers", {*HEAVY, "pandas", "pyarrow"}),
        ("results", HEAVY),
        ("tabular", HEAVY),
        ("benchmarks.cli", {*HEAVY, "numpy", "scipy", "pandas", "pyarrow", "networkx"}),
        ("benchmarks.runner", {*HEAVY, "llm"}),
        ("benchmarks.listing", {*HEAVY, "llm"}),
        ("benchmarks.check", {*HEAVY, "llm"}),
    ],
)
def test_an_import_loads_only_what_it_needs(module: str, banned: set[str]) -> None:
    code = f"import {module}, sys; sys.stdout.write(' '.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    assert module in loaded
    assert banned.isdisjoint(loaded)
