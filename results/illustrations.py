"""The figures of runs, as blocks of a report with their captions."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from results.document import Block, Heading, Image
from results.figures import FOLDER
from results.provenance import Source

_CAPTION = re.compile(r"^## (.+)\n\n((?:(?!## ).*\n?)*)", re.MULTILINE)


def other_figures(sources: Sequence[Source], folder: Path, shown: set[str]) -> Iterator[Block]:
    """The figures of the runs that no other chapter shows; ``shown`` are the paths of those."""
    several = len(sources) > 1
    blocks = []
    for source in sources:
        for name in sorted({path.stem for path in _drawn(source)}):
            for image in images([source], name, name.replace("_", " "), folder, several):
                if image.path not in shown:
                    blocks.append(image)
    if blocks:
        yield Heading("Other figures")
        yield from blocks


def images(
    sources: Sequence[Source], figure: str, title: str, folder: Path, several: bool
) -> Iterator[Image]:
    """The figures of that name that were drawn, with their captions."""
    for source in sources:
        files = [path for path in _drawn(source) if path.stem == figure]
        for path in files[:1]:
            caption = _captions(source).get(figure, "")
            if several:
                caption = f"{source.name}: {caption}" if caption else source.name
            where = Path(os.path.relpath(path, folder)).as_posix()
            yield Image(title, where, caption)


def _drawn(source: Source) -> list[Path]:
    """The files of a run's figures that a report can show, SVG first."""
    files = [*(source.folder / FOLDER).glob("*.svg"), *(source.folder / FOLDER).glob("*.png")]
    return sorted(files, key=lambda path: path.suffix, reverse=True)


def _captions(source: Source) -> dict[str, str]:
    """Figure -> its caption, from the file that lies beside the figures."""
    file = source.folder / FOLDER / "captions.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = _CAPTION.findall(text)
    return {name: " ".join(caption.split()) for name, caption in found}
