"""Stored games and what is drawn of them: the index, the graph, the triangle."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from games.io.files import save
from results import preference_graph, simplex, stored_games, style
from results.figures import WHOLE
from results.questions import consistency
from results.rows import RunError
from results.sheet import Sheet
from results.store import Store
from results.stored_games import Games, StoredGame
from tests.paper_games import three_annotators
from tests.readable import assert_texts_on_page
from tests.recorded import annotators, row

CYCLE = np.array([[0.5, 0.6, 0.3], [0.4, 0.5, 0.8], [0.7, 0.2, 0.5]])


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Games:
    """The game of the recorded rows."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "games").mkdir()
    game = three_annotators()
    save(game, folder / "games" / "d.npz")
    params = str(annotators()["game_params"].iloc[0])
    stored_games.write(folder, [("condorcet", params, None, "d"), ("broken", "{}", 3, "")])
    return stored_games.read(folder)


def test_a_run_finds_its_games(games: Games) -> None:
    entries = json.loads((games.run_dir / "games" / "index.json").read_text(encoding="utf-8"))
    assert [entry["digest"] for entry in entries] == ["d"]  # not of a game that failed
    found = games.find("condorcet", "{}", 5)  # seeds draw nothing in this game
    assert found is not None
    assert found.names == three_annotators().names
    assert np.array_equal(found.P, three_annotators().P)
    assert games.find("condorcet", '{"n":3}', None) is None
    assert stored_games.read(games.run_dir / "games").digests == {}


def test_a_finished_run_has_an_index(tmp_path: Path) -> None:
    with Store(tmp_path / "r") as store:
        store.finish([store.append(0, "abc", [row("entropy", 0.5, seed=2)])])
    assert stored_games.read(tmp_path / "r").digests == {("g", "{}", 2): "abc"}


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "index.json").write_text('[{"game": "a"}]', encoding="utf-8")
    with pytest.raises(RunError, match=r"index\.json: not a list of games"):
        stored_games.read(tmp_path)


@pytest.mark.parametrize(
    ("P", "expected"),
    [
        (CYCLE, {0, 1, 2}),
        ([[0.5, 0.9, 0.6], [0.1, 0.5, 0.4], [0.4, 0.6, 0.5]], {0}),
        ([[0.5, 0.5], [0.5, 0.5]], {0, 1}),
    ],
)
def test_the_smith_set(P: list[list[float]], expected: set[int]) -> None:
    assert preference_graph.smith_set(np.array(P)) == expected


def test_arrows_lead_from_the_preferred_answer() -> None:
    game = StoredGame(("first", "second", "third"), CYCLE, np.full(3, 1 / 3))
    with style.settings():
        axes = Sheet("title", {}, 2.0).panels(0, 1, 1)[0, 0]
        preference_graph.draw_graph(axes, game)
    words = [text.get_text() for text in axes.texts]
    assert [word for word in words if word.startswith(".")] == [".60", ".70", ".80"]
    arrows = [text for text in axes.texts if text.get_text() == ""]
    top = (math.cos(math.pi / 2), math.sin(math.pi / 2))
    away = [arrow.xyann for arrow in arrows if np.allclose(arrow.xyann, top)]
    assert len(away) == 1  # the first beats the second, and loses to the third


@pytest.mark.parametrize("n", [4, 5])
def test_the_numbers_of_a_graph_keep_clear_of_each_other(n: int) -> None:
    rates = np.random.default_rng(n).uniform(0.55, 0.95, (n, n))
    upper = np.triu(rates, 1)
    game = StoredGame(
        tuple(f"answer {k}" for k in range(n)),
        upper + np.tril(1 - upper.T, -1) + np.eye(n) / 2,
        np.full(n, 1 / n),
    )
    with style.settings():
        axes = Sheet("title", {}, 2.0).panels(0, 1, 3)[0, 0]
        preference_graph.draw_graph(axes, game)
        axes.figure.canvas.draw()
        boxes = [t.get_window_extent() for t in axes.texts if t.get_text().startswith(".")]
    assert len(boxes) == n * (n - 1) // 2
    overlaps = [a.overlaps(b) for a, b in itertools.combinations(boxes, 2)]
    assert sum(overlaps) == 0


@pytest.mark.parametrize("name", ["preference_graph", "simplex", "story"])
@pytest.mark.parametrize("width", [6.5, 3.25])
def test_figures_of_a_game_can_be_read(name: str, width: float, games: Games) -> None:
    with style.of_width(width):
        figure = WHOLE[name](annotators(), games)
        assert figure is not None
        assert_texts_on_page(figure)
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"A", "B", "C", ".65", ".75", ".60"} <= words


def test_without_stored_games_there_is_no_graph_and_no_arrow(games: Games) -> None:
    nothing = Games(games.run_dir, {})
    assert WHOLE["preference_graph"](annotators(), nothing) is None
    triangle = WHOLE["simplex"](annotators(), nothing)
    assert triangle is not None
    words = {text.get_text() for axes in triangle.axes for text in axes.texts}
    assert words == {"A", "B", "C"}


def test_the_triangle_has_the_answers_where_they_are(games: Games) -> None:
    figure = WHOLE["simplex"](annotators(), games)
    assert figure is not None
    (axes,) = figure.axes
    ends = {
        str(line.get_marker()): np.asarray(line.get_xydata())[-1]
        for line in axes.lines
        if line.get_marker() in ("s", "o", "^")
    }
    corners = np.array([[0, 0], [1, 0], [0.5, math.sqrt(3) / 2]])
    assert ends["s"] == pytest.approx(corners[1], abs=1e-6)  # RLHF: B
    assert ends["^"] == pytest.approx(corners[0], abs=1e-6)  # SLHF: A
    assert ends["o"] == pytest.approx([0.5, 0.2, 0.3] @ corners, abs=1e-6)


def test_a_run_without_three_answers_has_no_triangle(games: Games) -> None:
    rows = consistency.SECTION.rows(annotators().assign(registry_game="g"))
    rows = rows[(rows["metric"] == "probability") & (rows["action"] != "A")]
    assert simplex.figure(pd.DataFrame(rows), games) is None
