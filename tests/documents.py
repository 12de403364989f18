"""Markdown pages for readers: their blocks of code, run one after another as a reader would.

A ``console`` block holds commands. A ``python`` block is executed, in one module a page; a ``toml``
or ``python`` block whose first line is a comment with a file name is that file instead. A ``text``
block after either is what the block prints; a line "..." stands for any lines.
"""

import contextlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from games import GAMES
from solvers import SOLVERS
from tests.command import call
from tests.outside import prefgames

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"^(<!-- not run: ([^\n]+) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"# (\w+\.(?:toml|py))$", re.MULTILINE)
KINDS = {"console", "python", "text", "toml"}


@dataclass(frozen=True)
class Block:
    """A block of code, with the line it begins at and the reason why it is not run, if any."""

    kind: str
    text: str
    line: int
    not_run: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[3], match[4], text.count("\n", 0, match.start()) + 1, match[2] or "")
        for match in _BLOCK.finditer(text)
    ]


def words(picture: Path) -> list[str]:
    """The words and numbers in an SVG, in order; where they stand is left to matplotlib."""
    return re.findall(r"<text[^>]*>([^<]*)", picture.read_text(encoding="utf-8"))


def prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Relative targets of the links and pictures of a page, without anchors."""
    targets = re.findall(r"\]\(([^)#]+)", prose(page))
    return [target for target in targets if not target.startswith("https://")]


class Reader:
    """Does what pages say, in the current directory; raises at the first block that fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.trains = importlib.util.find_spec("torch") is not None

    def follow(self, page: Path) -> None:
        """Run every block of the page in order."""
        module = f"blocks of {page.stem}"
        names: dict[str, object] = {"__name__": module}
        self.monkeypatch.setitem(sys.modules, module, type(sys)(module))
        printed: list[str] = []
        for registry in (GAMES, SOLVERS):  # what the page adds is forgotten after the test
            self.monkeypatch.setattr(registry, "added", dict(registry.added))
        for block in blocks(page):
            if block.not_run or (self._needs_torch(block) and not self.trains):
                continue
            try:
                if block.kind == "text":
                    require_shown(block.text, printed)
                else:
                    printed = self._run(block, names).splitlines()
            except Exception as error:  # names the block; pytest shows both
                raise AssertionError(f"{page.name}, line {block.line}: {error}") from error

    def _run(self, block: Block, names: dict[str, object]) -> str:
        file = _FILE.match(block.text)
        if file:
            Path(file[1]).write_text(block.text, encoding="utf-8")
            return ""
        if block.kind == "console":
            return "".join(map(self._command, _commands(block.text)))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(block.text, "page", "exec"), names)
        return output.getvalue()

    def _command(self, command: str) -> str:
        program, *arguments = shlex.split(command)
        if program == "make":
            subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True)
            return ""
        assert program == "prefgames", f"{program} is not run by the tests"
        if arguments[0] == "run":  # figures are tested elsewhere and take longest
            done = prefgames(*arguments, "--jobs", "1", cwd=Path.cwd())
            assert done.returncode == 0, done.stderr
            return done.stdout
        code, out, err = call(self.monkeypatch, self.capsys, *arguments)
        assert code == 0, out + err
        return out

    def _needs_torch(self, block: Block) -> bool:
        return (
            "import llm" in block.text or "from llm" in block.text or " # extra llm" in block.text
        )


def _commands(text: str) -> Iterator[str]:
    for line in text.splitlines():
        assert line.startswith("$ "), f"{line!r} is no command"
        yield line.removeprefix("$ ").partition("  #")[0]


def require_shown(text: str, printed: list[str]) -> None:
    """Every shown line was printed, in this order, and nothing between two without "..."."""
    place, skipping = 0, False
    for line in text.splitlines():
        if line == "...":
            skipping = True
            continue
        while skipping and place < len(printed) and printed[place].rstrip() != line:
            place += 1
        assert place < len(printed), f"{line!r} was not printed"
        assert printed[place].rstrip() == line, f"printed {printed[place]!r}, shown {line!r}"
        place, skipping = place + 1, False
    assert skipping or place == len(printed), f"{printed[place]!r} was printed too"
