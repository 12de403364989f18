"""A small run that is written by hand, with names that a page must not take for its code."""

import json
import math
from pathlib import Path

from results.figures import FOLDER as FIGURES
from results.questions import consistency
from results.rows import Row
from results.store import TABLE
from tests.recorded import framed, row

TAG = "<script>window.hacked = 1</script>"
"""A name of a game."""

IMAGE = "<img src=x onerror='window.hacked=1'>"
"""A name of an answer."""

SPARE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path id="a" d="M0 0L9 9"/></svg>'
)
"""A figure that belongs to no question."""

CAPTIONS = "## consistency\n\nA dot is a\nmean.\n\n## spare\n\nA line & a half.\n"

GAMES = ("condorcet", "skew_cycle", TAG, "g4")
GAPS = {"rlhf_exact": 0.3, "nlhf_exact": 0.0, "slhf_exact": 0.2, "nash_md": 0.1}


def rows() -> list[Row]:
    """Consistency of four methods on four games at tau = 0 and KL 0.1; one answer is undefined."""
    out = []
    for k, game in enumerate(GAMES):
        for name, gap in GAPS.items():
            for params in ({"tau": 0}, {"kl": 0.1}):
                common = {
                    "solver": name,
                    "params": params,
                    "game": game,
                    "cell": f"{k}{name}{params}",
                }
                undefined = {"status": "undefined", "message": f"no {TAG}"}
                missing = (game, name) == ("g4", "rlhf_exact")
                value = math.nan if missing else gap + 0.01 * k
                more = undefined if missing else {}
                out.append(row("duality_gap", value, **common, **more))  # type: ignore[arg-type]
                out.append(row("entropy", gap * 3, **common, **more))  # type: ignore[arg-type]
                out.append(row("kl_to_ref", 0.1, **common, **more))  # type: ignore[arg-type]
                labels = {"action": IMAGE}
                out.append(row("probability", 0.9, labels=labels, **common))  # type: ignore[arg-type]
    return out


def write(folder: Path, *, drawn: bool = False) -> Path:
    """The run directory ``folder``, with the figures of consistency if asked for."""
    folder.mkdir()
    frame = framed(rows())
    frame.to_parquet(folder / TABLE)
    spec = {"name": "small", "seeds": [0], "games": [{"name": game} for game in GAMES]}
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    if drawn:
        (folder / FIGURES).mkdir()
        described = consistency.SECTION.rows(frame)
        for name, part in consistency.SECTION.views(described).items():
            figure = consistency.figure(part)
            assert figure is not None
            figure.savefig(folder / FIGURES / f"{name}.svg")
        (folder / FIGURES / "spare.svg").write_text(SPARE, encoding="utf-8")
        (folder / FIGURES / "captions.md").write_text(CAPTIONS, encoding="utf-8")
    return folder
