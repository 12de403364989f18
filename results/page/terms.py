"""The terms of the glossary, marked where a chapter of a page first uses them."""

import re
from dataclasses import dataclass

from markupsafe import Markup, escape

_EVERYDAY = {
    *("answer", "action", "response", "context", "prompt", "comparisons", "target", "mixture"),
    *("cell", "row", "question", "experiment", "section", "task", "judge", "learner", "rater"),
    *("spec", "population", "payoff", "estimate", "estimator", "agreement", "policy", "step size"),
    *("plugin", "rollout", "hypothesis", "undefined", "strength", "frontier", "own objective"),
    "tideman",
}
"""Terms that are also plain words; marking them would mark every sentence."""


@dataclass(frozen=True)
class Term:
    """A line of the glossary.

    Attributes
    ----------
    name : str
        As the glossary writes it, with synonyms in brackets.
    meaning : str
    place : str
        Its name as a place in the page.
    """

    name: str
    meaning: str
    place: str


class Terms:
    """Marks the terms of a glossary in texts.

    Parameters
    ----------
    glossary : str
        Markdown tables with the columns "term" and "meaning".

    Attributes
    ----------
    used : list of Term
        Those that were marked, in the order of the glossary.
    """

    def __init__(self, glossary: str) -> None:
        self._of_name: dict[str, Term] = {}
        self._all = list(dict.fromkeys(_read(glossary)))
        for names in (_main_names, _synonyms):
            for term in self._all:
                for name in names(term.name):
                    if name.lower() not in _EVERYDAY:
                        self._of_name.setdefault(name.lower(), term)
        longest_first = sorted(self._of_name, key=len, reverse=True)
        words = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"(?<![\w=])({words})(?:s|es)?(?![\w=(])", re.IGNORECASE)
        self._marked: set[Term] = set()
        self._in_chapter: set[Term] = set()

    @property
    def used(self) -> list[Term]:
        """The terms that were marked so far, in the order of the glossary."""
        return [term for term in self._all if term in self._marked]

    def begin_chapter(self) -> None:
        """Forget which terms the last chapter has marked."""
        self._in_chapter.clear()

    def marked(self, text: str) -> Markup:
        """The text, escaped, with terms as links to the glossary that show their meaning."""
        parts, end = [], 0
        for match in self._pattern.finditer(text):
            term = self._of_name[match[1].lower()]
            if term in self._in_chapter or not _is_written_so(match[1], term.name):
                continue
            self._in_chapter.add(term)
            self._marked.add(term)
            link = Markup('<a class="term" href="#{}" data-tip="{}">{}</a>')
            parts += [escape(text[end : match.start()])]
            parts += [link.format(term.place, term.meaning, match[0])]
            end = match.end()
        return Markup("").join([*parts, escape(text[end:])])


def _is_written_so(word: str, name: str) -> bool:
    """Whether the word may stand for the term: an acronym only in capitals."""
    acronym = re.search(rf"\b{re.escape(word)}\b", name, re.IGNORECASE)
    return acronym is None or not acronym[0].isupper() or word.isupper()


def _read(glossary: str) -> list[Term]:
    terms, head = [], list[str]()
    for line in glossary.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if "meaning" in cells:
            head = cells
        elif line.startswith("|") and len(cells) == len(head) and not line.startswith("|--"):
            of = dict(zip(head, cells, strict=True))
            place = "term-" + re.sub(r"\W+", "-", of["term"].lower()).strip("-")
            terms.append(Term(of["term"], of["meaning"].replace("`", ""), place))
    return terms


def _main_names(name: str) -> list[str]:
    return [part.strip() for part in re.sub(r"\(.*?\)", "", name).split(",")]


def _synonyms(name: str) -> list[str]:
    inside = re.findall(r"\((.*?)\)", name)
    return [part.strip() for group in inside for part in group.split(",")]
