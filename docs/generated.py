"""Parts of pages that are made from the code whenever the site is built.

``:::{generated} metrics`` stands for the text that the function ``metrics`` of this module returns.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.ext.autodoc import mock
from sphinx.util.docutils import SphinxDirective

from benchmarks.spec import Entry, ExperimentEntry, Spec, builtin
from games import GAMES
from games.estimation import ESTIMATORS
from games.registry import Registry
from results.gallery import entries
from results.headline import COLUMNS
from results.hypotheses import Hypothesis
from results.metrics import METRICS, Metric
from results.rows import STATUSES, STRENGTHS, Row
from solvers import ALIASES, SOLVERS
from tabular import EXPERIMENTS

ROOT = Path(__file__).parents[1]
REGISTRIES: dict[str, Registry[Any]] = {
    "game": GAMES,
    "solver": SOLVERS,
    "estimator": ESTIMATORS,
    "experiment": EXPERIMENTS,
}
_PARTS: dict[str, Callable[..., str]] = {}
_FIELD = re.compile(r"^(\w[\w, ]*?)(?: : (.+))?$")
_MARKUP = re.compile(r"(``.+?``)|([|*]|_(?!\w))", re.DOTALL)


class Generated(SphinxDirective):
    """Replaces itself by the text that a function makes from the code, read as Markdown."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes of the text."""
        name, *rest = self.arguments
        with mock(self.config.autodoc_mock_imports):
            text = _PARTS[name](*rest)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def part(function: Callable[..., str]) -> Callable[..., str]:
    """Make a function known to the directive."""
    _PARTS[function.__name__] = function
    return function


@part
def api(package: str) -> str:
    """Every public name of a package, with its docstring."""
    module = import_module(package)
    names = []
    for name, value in vars(module).items():
        ours = not name.startswith("_") and getattr(value, "__module__", "").startswith(package)
        if ours and inspect.isclass(value):
            names.append(f".. autoclass:: {package}.{name}\n   :members:\n")
        elif inspect.isfunction(value) and (ours or hasattr(module, "__path__")):
            names.append(f".. autofunction:: {package}.{name}\n")
    return _restructured(names)


@part
def members(module: str) -> str:
    """Every public function of a module, with its docstring."""
    return _restructured([f".. automodule:: {module}\n   :members:\n"])


@part
def headline() -> str:
    """The columns of the table that a run prints."""
    rows = [[f"`{column.name}`", column.meaning] for column in COLUMNS]
    return _table(["column", "meaning"], rows)


@part
def plugins(kind: str) -> str:
    """Every plugin of a kind that comes with the package, with its docstring."""
    registry, sections = REGISTRIES[kind], []
    for name in registry:
        plugin = registry[name]
        path = f"{plugin.__module__}.{registry.attribute(name)}"
        directive = "autofunction" if registry.function else "autoclass"
        facts = [getattr(plugin, "concept", "").upper(), getattr(plugin, "paper", "")]
        about = " · ".join(filter(None, facts))
        documented = _restructured([f".. {directive}:: {path}\n"])
        sections.append(f"### {name}\n\n{about}\n\n{documented}")
    return "\n".join(sections)


@part
def laws(kind: str) -> str:
    """The checks that plugins of a kind pass: name and first line of the docstring.

    Read as text, because some of these modules need torch to be imported.
    """
    text = (ROOT / "benchmarks" / "conformance" / f"{kind}.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    checks = [f for f in functions if f.name[0] != "_" and len(f.args.args) == 1]
    rows = [[f"`{f.name}`", _first_sentence(f)] for f in checks]
    return _table(["law", "what must hold"], rows)


def _first_sentence(function: ast.FunctionDef) -> str:
    return (ast.get_docstring(function) or "").partition("\n")[0]


@part
def aliases() -> str:
    """Methods whose update is that of a solver under a different name."""
    rows = [[f"`{a.name}`", f"`{a.solver}`", a.why, a.paper] for a in ALIASES.values()]
    return _table(["name", "runs as", "because", "paper"], rows)


@part
def metrics() -> str:
    """Name, formula, synonyms, unit, range and direction of every metric."""
    rows = []
    for name, metric in METRICS.items():
        synonyms = f"<br>*{metric.synonyms}*" if metric.synonyms else ""
        rows.append([f"`{name}`", f"{metric.formula}{synonyms}", _range(metric), metric.better])
    return _table(["metric", "formula, *and what others call it*", "range", "better"], rows)


def _range(metric: Metric) -> str:
    low, high = (f"{value:g}".replace("inf", "∞") for value in (metric.low, metric.high))
    unit = "" if metric.unit == "probability" else f" {metric.unit}"
    low = low.replace("-1e-09", "0")  # what rounding may take from a quantity >= 0
    return f"{low} to {high}{unit}"


@part
def columns() -> str:
    """The columns of a loaded frame."""
    rows = [[f"`{name}`", kind, text] for name, kind, text in described(Row)]
    place = [row[0] for row in rows].index("`params`") + 1
    rows[place:place] = [[f"`{name}`", "float", text] for name, text in STRENGTHS.items()]
    return _table(["column", "what it may be", "meaning"], rows)


@part
def statuses() -> str:
    """What the status of a row means."""
    return _table(["status", "meaning"], [[f"`{name}`", text] for name, text in STATUSES.items()])


@part
def spec() -> str:
    """Every key of a spec file, from the models that read it."""
    tables: dict[str, tuple[type[BaseModel], ...]] = {
        "Top of the file": (Spec, Spec),
        "`[[games]]`, `[[solvers]]`, `[[learners]]`": (Entry, Entry),
        "`[[experiments]]`": (ExperimentEntry, Entry, ExperimentEntry),
        "`[[hypotheses]]`": (Hypothesis, Hypothesis),
    }
    return "\n".join(f"### {title}\n\n{_keys(*models)}" for title, models in tables.items())


def _keys(model: type[BaseModel], *documented: type[BaseModel]) -> str:
    texts = {name: (kind, text) for parent in documented for name, kind, text in described(parent)}
    rows = []
    for name, field in model.model_fields.items():
        kind, text = texts[name]
        default = "required" if field.is_required() else _default(field.default)
        rows.append([f"`{name}`", kind, default, text])
    return _table(["key", "what it may be", "default", "meaning"], rows)


def _default(value: Any) -> str:
    empty = value is None or value in ([], {})
    return "" if empty else f'"{value}"' if isinstance(value, str) else f"{value:g}"


@part
def specs() -> str:
    """The built-in specs."""
    rows = [[f"`{name}`", _comment(path)] for name, path in builtin().items()]
    return _table(["spec", "what it is for, and how long it takes on two slow cores"], rows)


@part
def gallery() -> str:
    """The figures and tables of the papers, and what stands for each."""
    rows = []
    for entry in entries():
        ours = ", ".join(f"`{name}`" for name in [*entry.figures, *entry.tables])
        shows = f"{entry.shows} [{entry.trust}]"
        rows.append([f"arXiv:{entry.source}", entry.item, shows, ours, entry.missing])
    return _table(["paper", "there", "what it shows", "figures and tables here", "missing"], rows)


def _comment(path: Path) -> str:
    """The comment at the top of a file, up to its first blank line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    stop = next(i for i, line in enumerate(lines) if not line.startswith("# "))
    return " ".join(line.removeprefix("# ") for line in lines[:stop])


def described(documented: type) -> Iterator[tuple[str, str, str]]:
    """(name, what it may be, meaning) of each attribute in a docstring."""
    text = (inspect.getdoc(documented) or "").partition("Attributes\n----------\n")[2]
    found: list[tuple[list[str], str, list[str]]] = []
    for line in text.partition("\n\n")[0].split("\n"):
        head = _FIELD.match(line)
        if head:
            found.append((head[1].split(", "), head[2] or "", []))
        else:
            found[-1][2].append(line.strip())
    for names, kind, meaning in found:
        for name in names:
            yield name, kind, " ".join(meaning)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", r"\|").replace("\n", " ")


def _restructured(names: list[str]) -> str:
    text = "\n".join(names)
    return f"```{{eval-rst}}\n{text}\n```\n"


def escape(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings hold formulas: their bars, stars and trailing underscores are no markup."""
    del app, name, obj, options
    text = _MARKUP.sub(lambda m: m[1] or rf"\{m[2]}", "\n".join(lines))
    lines[:] = text.split("\n")
    if what == "property":  # napoleon takes what precedes a colon in the first line for a type
        lines[0] = f": {lines[0]}"


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive("generated", Generated)
    app.connect("autodoc-process-docstring", escape, priority=100)
    return {"parallel_read_safe": True}
