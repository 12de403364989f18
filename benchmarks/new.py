"""A new plugin: a commented file that passes ``prefgames check``, to be changed."""

import keyword
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from benchmarks.kinds import KINDS
from games import SpecError
from solvers import ALIASES


def write(kind_name: str, name: str, folder: Path) -> Path:
    """Write a new plugin to ``folder``/``name``.py and return the path.

    Parameters
    ----------
    kind_name : str
        Of a kind with a template.
    name : str
        Of the form my_method.

    Raises
    ------
    SpecError
        If the name is of another form or taken, also by an installed module, or the file exists.
    """
    kind = KINDS[kind_name]
    assert kind.template is not None  # the command line offers no other kind
    if not name.isidentifier() or not name.islower() or keyword.iskeyword(name):
        raise SpecError(f"{name!r} is not a name for a {kind_name}: expected the form my_method")
    if name in kind.plugins() or (kind_name == "solver" and name in ALIASES):
        raise SpecError(f"there is a {kind_name} named {name!r} already; choose another name")
    path = folder / f"{name}.py"
    if path.exists():
        raise SpecError(f"{path} exists and is left as it is; choose another name")
    if find_spec(name) is not None:
        raise SpecError(
            f"{name!r} is the name of an installed module, which the file would hide from programs "
            "beside it; choose another name"
        )
    template = kind.template
    text = resources.files("benchmarks.templates").joinpath(f"{template}.py").read_text("utf-8")
    text = text.replace(kind.attribute(template), kind.attribute(name)).replace(template, name)
    title = template.replace("_", " ").capitalize()
    text = text.replace(f'"""{title}:', f'"""{name.replace("_", " ").capitalize()}:', 1)
    path.write_text(text, encoding="utf-8")
    return path
