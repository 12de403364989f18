"""Parts of pages that are made from the code whenever the site is built.

``:::{generated} metrics`` stands for the text that the function ``metrics`` of this module returns.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Generated(SphinxDirective):
    """Replaces itself by the text that a function makes from the code, read as Markdown."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes of the text."""
        name, *rest = self.arguments
        return self.parse_text_to_nodes(PARTS[name](*rest), allow_section_headings=True)


def api(package: str) -> str:
    """Every public name of a package, with its docstring."""
    module = import_module(package)
    parts = []
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__.startswith(package):
            parts.append(f".. autoclass:: {package}.{name}\n   :members:\n")
        elif inspect.isfunction(value):
            parts.append(f".. autofunction:: {package}.{name}\n")
    return _restructured("\n".join(parts))


def _restructured(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n"


_MARKUP = re.compile(r"(``.+?``)|([|*]|_(?!\w))", re.DOTALL)


def escape(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings hold formulas: their bars, stars and trailing underscores are no markup."""
    del app, name, obj, options
    text = _MARKUP.sub(lambda m: m[1] or rf"\{m[2]}", "\n".join(lines))
    lines[:] = text.split("\n")
    if what == "property":  # napoleon takes what precedes a colon in the first line for a type
        lines[0] = f": {lines[0]}"


PARTS: dict[str, Callable[..., str]] = {"api": api}


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("generated", Generated)
    app.connect("autodoc-process-docstring", escape, priority=100)
    return {"parallel_read_safe": True}
