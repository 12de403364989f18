"""What `prefgames run` shows at its end."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import show
from benchmarks.runner import Run
from results.printed import Printed
from results.store import Record


def record(cell: str, solver: str, status: str, metric: str = "entropy") -> Record:
    columns: dict[str, list[Any]] = {
        "cell": [cell], "solver": [solver], "metric": [metric], "value": [1e-3], "status": [status],
    }  # fmt: skip
    return Record(0, "", columns)


def test_the_last_line_counts_cells_and_says_what_is_at_max_steps() -> None:
    records = [record("a", "egpo", "max_steps"), record("b", "egpo", "undefined")]
    run = Run(Path("runs/x"), 3, 1, [*records, record("c", "egpo", "ok")], False, 3.21)
    assert show.summary(run) == (
        "3 cells: 3 done (1 now), 0 failed, 1 undefined, 1 at max_steps (egpo 1); 3.2 seconds"
    )
    run = Run(Path("runs/x"), 1, 0, [record("a", "nlhf_exact", "ok", "residual")], False, 0.0)
    assert show.summary(run) == (
        "1 cells: 1 done (0 now), 0 failed, 0 undefined; 0.0 seconds; "
        "worst certificate residual 0.001"
    )


@pytest.mark.parametrize(
    ("counts", "lines"),
    [
        (["exact", "3"], ["at tau = 0 gap", "g (exact)", "  NLHF     0.00", "h (n = 3)"]),
        (["exact", "3", "2"], ["at tau = 0 gap  n", "g", "  NLHF     0.00 exact", "h"]),
    ],
)
def test_the_number_of_seeds_stands_beside_the_game_if_its_methods_share_it(
    capsys: pytest.CaptureFixture[str], counts: list[str], lines: list[str]
) -> None:
    table = pd.DataFrame(
        {
            "game": ["g", "h", "h"][: len(counts)],
            "at tau = 0": ["NLHF", "NLHF", "SLHF"][: len(counts)],
            "gap": "0.00",
            "n": counts,
        }
    )
    show.tables(Printed([table], grouped=True, legend={"gap": "duality gap"}))
    out = capsys.readouterr().out.splitlines()
    assert out[: len(lines)] == lines
    assert out[-1] == "gap  duality gap"
