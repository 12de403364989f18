"""Plugins from users' files: a run keeps a copy of each, from which its workers read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.kinds import KINDS
from games.plugin_files import from_file, source

Params = Mapping[str, Any]

_SUFFIX = ".py"
SOURCE = "source"
"""The parameter that a plugin from a file has in addition."""


def registered(kind: str, text: str, folder: Path = Path()) -> str:
    """The registry name of a text; the file at that path is registered under its stem.

    Parameters
    ----------
    kind : str
        Key of ``KINDS``.
    text : str
        A name, or the path of a .py file.
    folder : Path
        Where relative paths begin.

    Raises
    ------
    SpecError
        If the file is of no use.
    """
    return KINDS[kind].plugins().add_file(folder / text) if text.endswith(_SUFFIX) else text


def stem(text: str) -> str:
    """The registry name of a text, whether it is one or the path of a .py file."""
    return Path(text).stem if text.endswith(_SUFFIX) else text


def with_source(kind: str, name: str, params: Params) -> dict[str, Any]:
    """The parameters; of a plugin from a file also ``source``, the hash of the file's text.

    Another text is another run.
    """
    plugin = KINDS[kind].plugins()[name]
    return {**params, SOURCE: source(plugin)[1]} if from_file(plugin) else dict(params)


def without_source(params: Params) -> dict[str, Any]:
    """The parameters that the plugin itself has."""
    return {key: value for key, value in params.items() if key != SOURCE}


def store(kind: str, name: str, params: Params, run_dir: Path) -> None:
    """Copy the file that the plugin came from, if any, to where workers read it."""
    if SOURCE in params:
        text, _ = source(KINDS[kind].plugins()[name])
        path = _stored(kind, name, params, run_dir)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)


def register(kind: str, name: str, params: Params, run_dir: Path) -> None:
    """Register the plugin in this process, if it came from a file, from the run's copy."""
    if SOURCE in params:
        plugins = KINDS[kind].plugins()
        present = plugins.get(name)
        if present is None or source(present)[1] != params[SOURCE]:
            plugins.add_file(_stored(kind, name, params, run_dir))


def _stored(kind: str, name: str, params: Params, run_dir: Path) -> Path:
    return run_dir / KINDS[kind].plural / str(params[SOURCE]) / f"{name}{_SUFFIX}"
