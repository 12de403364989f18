"""The papers of methods, read from ``papers.bib``."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_ACCENT = re.compile(r"\{?\\(['\"`^])\{?(\w)\}?\}?")
_MARKS = {"'": "\u0301", '"': "\u0308", "`": "\u0300", "^": "\u0302"}


@dataclass(frozen=True)
class Paper:
    """An entry of the bibliography.

    Attributes
    ----------
    key, bibtex : str
        Its key, and the entry as BibTeX.
    methods : frozenset of str
        The solvers and learners that it is cited for.
    fields : dict of str to str
        Its other fields, as BibTeX writes them.
    """

    key: str
    bibtex: str
    methods: frozenset[str]
    fields: dict[str, str]

    @property
    def reference(self) -> str:
        """Authors if known, title, where it appeared and when, as one line of text."""
        authors = self.fields.get("author", "")
        people = [name.partition(",")[0] for name in authors.split(" and ")]
        who = f"{people[0]} et al." if len(people) > 2 else " and ".join(people)
        where = next(
            (self.fields[k] for k in ("journal", "booktitle", "howpublished") if k in self.fields),
            "",
        )
        eprint = self.fields.get("eprint", "")
        arxiv = f"arXiv:{eprint}" if eprint and eprint not in self.fields["title"] else ""
        said = [who, self.fields["title"], where, self.fields["year"], arxiv]
        return _plain(", ".join(part for part in said if part))


@cache
def papers() -> tuple[Paper, ...]:
    """All entries of the bibliography, in its order."""
    text = (files("results") / "papers.bib").read_text(encoding="utf-8")
    return tuple(map(_paper, _ENTRY.finditer(text)))


def papers_of(methods: Collection[str]) -> list[Paper]:
    """The papers that any of these methods is cited for, in the order of the bibliography."""
    return [paper for paper in papers() if not paper.methods.isdisjoint(methods)]


def _paper(match: re.Match[str]) -> Paper:
    kind, key, body = match.groups()
    fields = dict(_FIELD.findall(body))
    methods = frozenset(fields.pop("methods", "").split())
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return Paper(key, "\n".join([f"@{kind}{{{key},", *lines, "}"]), methods, fields)


def _plain(text: str) -> str:
    """Text of BibTeX with its accents as letters and without its braces."""
    from unicodedata import normalize

    text = _ACCENT.sub(lambda m: normalize("NFC", m[2] + _MARKS[m[1]]), text)
    return text.replace("{", "").replace("}", "")
