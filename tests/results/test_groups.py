"""Groups of rows are those of a data frame, to the last bit."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from results.groups import Groups, numbered

HOW: tuple[Literal["mean", "min", "max"], ...] = ("mean", "min", "max")


def frame(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(rows)
    words = pd.Categorical(rng.choice(["b", "a", "c"], rows), ["c", "b", "a", "unused"], True)
    value = np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows))
    return pd.DataFrame({"word": words, "number": rng.integers(3, size=rows), "value": value})


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 400])
def test_groups_and_their_order_are_those_of_pandas(rows: int) -> None:
    table = frame(rows)
    line, lines = numbered(table, ["word", "number"])
    expected = table.groupby(["word", "number"], observed=True)["value"]
    pd.testing.assert_frame_equal(
        lines, expected.size().index.to_frame(index=False), check_dtype=rows > 0
    )
    assert line.tolist() == expected.ngroup().tolist()
    groups = Groups.by(line)
    assert groups.key(line).tolist() == list(range(len(lines)))
    for how in HOW:
        found = groups.reduce(table["value"].to_numpy(), how)
        np.testing.assert_array_equal(found, expected.agg(how).to_numpy())


def test_a_mean_of_a_negative_zero_is_zero() -> None:
    (mean,) = Groups.by(np.array([0])).reduce(np.array([-0.0]), "mean")
    assert str(mean) == "0.0"


def test_a_row_without_a_key_has_no_line() -> None:
    words = pd.Categorical(["a", None, "b", "a", None, "b"])
    line, lines = numbered(frame(6).assign(word=words, number=[1, 2] * 3), ["word", "number"])
    assert line.tolist() == [0, -1, 2, 1, -1, 3]
    assert lines["word"].tolist() == ["a", "a", "b", "b"]


def test_many_keys_are_numbered_as_few() -> None:
    table = frame(50).assign(**{f"k{i}": np.arange(50) for i in range(8)})
    line, lines = numbered(table, ["word", *(f"k{i}" for i in range(8))])
    assert sorted(line) == list(range(50))
    assert lines["word"].cat.codes.is_monotonic_increasing
