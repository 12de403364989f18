"""A new plugin: a commented file that passes ``prefgames check``, to be changed."""

import keyword
from collections.abc import Callable, Collection
from importlib import resources
from pathlib import Path

from benchmarks import plugins
from games import GAMES, SpecError
from solvers import ALIASES, SOLVERS
from solvers.discovery import camel_case


def write(kind: str, name: str, folder: Path) -> Path:
    """Write ``folder``/``name``.py.

    Parameters
    ----------
    kind : "solver", "learner", "judge" or "game"
    name : of the form my_method

    Raises
    ------
    SpecError
        If the name is of another form or taken, or the file exists.
    """
    taken = _TAKEN[kind]()
    if not name.isidentifier() or not name.islower() or keyword.iskeyword(name):
        raise SpecError(f"{name!r} is not a name for a {kind}: expected the form my_method")
    if name in taken:
        raise SpecError(f"there is a {kind} named {name!r} already; choose another name")
    template = f"my_{kind}"
    text = resources.files("benchmarks.templates").joinpath(f"{template}.py").read_text("utf-8")
    text = text.replace(camel_case(template), camel_case(name)).replace(template, name)
    title = template.replace("_", " ").capitalize()
    text = text.replace(f'"""{title}:', f'"""{name.replace("_", " ").capitalize()}:', 1)
    path = folder / f"{name}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SpecError(f"{path} exists and is left as it is; choose another name") from None
    return path


_TAKEN: dict[str, Callable[[], Collection[str]]] = {
    "solver": lambda: {*SOLVERS, *ALIASES},
    "learner": lambda: plugins.methods("llm"),
    "judge": plugins.judges,
    "game": lambda: GAMES,
}
"""Kind -> the names that there are."""
