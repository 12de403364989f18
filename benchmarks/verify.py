"""What ``prefgames verify`` and ``prefgames claims`` print: claims, folded to the terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text

_STYLES = {"holds": "bold green", "fails": "bold red", "undecided": "bold yellow"}
_UNMEASURED = "not measured"


def show(table: "pd.DataFrame") -> None:
    """Print the lines of ``results.claims.verify``, paper by paper; last what was not measured."""
    from results import claims

    measured = table[table["verdict"] != _UNMEASURED]
    for title, part in _by_source(measured):
        rows = [
            [_claim(line), line.published or "-", _ours(line), _verdict(line.verdict)]
            for line in _lines(part)
        ]
        _print(title, ["claim, and where", "published", "ours", "verdict"], [32, 14, 17, 9], rows)
    rest = table[table["verdict"] == _UNMEASURED]
    if len(rest):
        rows = [[_claim(line), line.published or "-", line.reason] for line in _lines(rest)]
        _print(
            "Not measured in these runs",
            ["claim, and where", "published", "why"],
            [34, 16, 24],
            rows,
        )
    _say(claims.READING)


def show_list(chosen: "Sequence[Any]") -> None:
    """Print claims without a run: what is published, what is expected, and what measures it."""
    from results import claims

    table = claims.table(chosen)
    for title, part in _by_source(table):
        rows = [
            [_claim(line), line.published or "-", _verdict(line.expected), line.reason]
            for line in _lines(part)
        ]
        _print(
            title,
            ["claim, and where", "published", "expected", "measured by"],
            [34, 15, 12, 13],
            rows,
        )


def summary(table: "pd.DataFrame") -> str:
    """How many claims hold, fail, are undecided and not measured, and which surprise."""
    from results import claims

    counts = table["verdict"].value_counts()
    said = ", ".join(
        f"{counts.get(verdict, 0)} {word}"
        for verdict, word in (
            ("holds", "hold"), ("fails", "fail"), ("undecided", "undecided"),
            (_UNMEASURED, _UNMEASURED),
        )
    )  # fmt: skip
    surprising = [
        f"{line.id} {line.verdict} (expected: {line.expected})"
        for line in _lines(claims.unexpected(table))
    ]
    after = f"unexpected: {', '.join(surprising)}" if surprising else "none unexpected"
    return f"{len(table)} claims: {said}; of the exact ones {after}"


def _by_source(table: "pd.DataFrame") -> "Iterator[tuple[str, pd.DataFrame]]":
    """The lines of each paper under its name, in the order of the papers."""
    from results import claims

    named = {key: f"arXiv:{key}  {name}" for key, name in claims.papers().items()}
    for source, title in {**named, claims.DERIVED: "Derived for this project"}.items():
        part = table[table["source"] == source]
        if len(part):
            yield title, part


def _lines(table: "pd.DataFrame") -> "Iterator[Any]":
    """The lines of a table, each with its columns as attributes."""
    yield from table.itertuples()


def _claim(line: Any) -> "Text":
    from rich.text import Text

    where = f"{line.where} [{line.trust}]" if line.where else f"[{line.trust}]"
    text = Text.assemble((line.id, "bold"), "\n", line.sentence, "\n", (where, "dim"))
    return text.append(f"\nif: {line.condition}", "dim") if line.condition else text


def _ours(line: Any) -> str:
    return f"{line.ours.replace('; ', chr(10))}\nn = {line.n}"


def _verdict(word: str) -> "Text":
    from rich.text import Text

    return Text(word, _STYLES.get(word, ""))


def _say(text: str) -> None:
    """A paragraph, folded to the terminal."""
    from rich.console import Console
    from rich.text import Text

    Console().print(Text(text))


def _print(title: str, header: list[str], widths: list[int], rows: list[list[Any]]) -> None:
    """A table that is folded to the terminal, its columns in proportion to ``widths``."""
    from rich.box import HORIZONTALS
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, "bold"), box=HORIZONTALS, show_lines=True, expand=True)
    for name, ratio in zip(header, widths, strict=True):
        table.add_column(Text(name), ratio=ratio, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    Console().print(table)
