"""Where numbers come from: the code, the versions of what it uses, and the machine."""

import hashlib
import os
import platform
import subprocess
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_LAYERS = ("games", "solvers", "tabular", "llm", "benchmarks")
_NO_NUMBERS = {"benchmarks/conformance", "benchmarks/perf", "benchmarks/templates"}
_DATA = {".py", ".csv", ".json", ".npz"}
"""Source, and data files that a game or a task may come with."""
_LIBRARIES = (
    *("numpy", "scipy", "pandas", "pyarrow", "networkx", "matplotlib"),
    *("torch", "transformers", "accelerate"),
)


def environment() -> dict[str, Any]:
    """What a run notes about itself: no path, no user, no host name."""
    return {
        "code": code(),
        "versions": versions(),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "architecture": platform.machine(),
            "processor": _processor(),
            "processors": os.cpu_count(),
        },
    }


def code() -> dict[str, Any]:
    """The version of the code that makes numbers; how ``results`` shows them is not part of it.

    Returns
    -------
    dict
        sources: SHA-256 of the source files, 16 hex. commit: of git, or None outside a checkout.
        modified: whether the checkout has changes that are not committed.
    """
    h = hashlib.sha256()
    for path in sources():
        h.update(f"{path.relative_to(_ROOT).as_posix()}\0".encode() + path.read_bytes())
    tracked = _git("ls-files", "benchmarks/__init__.py")
    return {
        "sources": h.hexdigest()[:16],
        "commit": _git("rev-parse", "HEAD") if tracked else None,
        "modified": bool(_git("status", "--porcelain", "--", *_LAYERS)) if tracked else None,
    }


def sources() -> list[Path]:
    """The files that make numbers: code and built-in data of every layer but ``results``.

    Checks of plugins, timings and templates are left out: they make no row of a run.
    """
    return [
        path
        for layer in _LAYERS
        for path in sorted((_ROOT / layer).rglob("*"))
        if path.suffix in _DATA
        and path.is_file()
        and _NO_NUMBERS.isdisjoint(p.as_posix() for p in path.relative_to(_ROOT).parents)
    ]


def versions() -> dict[str, str | None]:
    """The versions of Python, prefgames and the libraries; None where one is not installed."""
    installed: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("prefgames", *_LIBRARIES):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = None
    return installed


def devices() -> list[str]:
    """The processors and accelerators that can be used, one a line."""
    lines = [f"cpu: {_processor()}, {os.cpu_count()} processors"]
    try:
        cuda = import_module("torch.cuda")
    except ImportError:
        return [*lines, "cuda: torch is not installed"]
    names = [cuda.get_device_name(k) for k in range(cuda.device_count())]
    return lines + ([f"cuda:{k}: {name}" for k, name in enumerate(names)] or ["cuda: no device"])


def _git(*arguments: str) -> str | None:
    """What git prints, or None without git, a repository or a commit."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    """The processor's name, as far as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
