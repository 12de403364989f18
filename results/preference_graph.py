"""Who beats whom: the graph of a game's preferences, and the triangle of three answers."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from results import panels, style
from results.sheet import Sheet, fitting, wrapped
from results.stored_games import Games, StoredGame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_ANSWERS = 8
_MOST_GAMES = 6
_TIE = 1e-9
_READABLE = 5
"""With more answers than this the arrows have no numbers."""

_TAILWARDS = 0.58
"""Weight of the tail of an arrow in the place of its number."""

_SWEEPS = 3
"""How often the numbers inside the circle are placed anew, each among all others."""

_OUTSIDE = 1.3
"""Distance from the centre of numbers beside their arrows, in distances of these arrows."""

_WIDER = 0.6
"""Numbers are wider than high: distances to the side count less."""


def draw_graph(axes: "Axes", game: StoredGame) -> None:
    """Draw the answers on a circle and an arrow from the preferred one of each pair to the other.

    The number on an arrow is the probability that its tail is preferred to its head; the arrows
    are dark among the answers that beat all others together (the Smith set), light elsewhere, and
    a tie is a dotted line.
    """
    n = len(game.names)
    angles = math.pi / 2 - 2 * math.pi * np.arange(n) / n
    at = np.column_stack([np.cos(angles), np.sin(angles)])
    top = smith_set(game.P)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    arrows = [(i, j) if game.P[i, j] >= game.P[j, i] else (j, i) for i, j in pairs]
    places = _number_places(at, arrows) if n <= _READABLE else {}
    for tail, head in arrows:
        among = tail in top and head in top
        colour = style.BLACK if among else style.GREY
        tie = abs(game.P[tail, head] - 0.5) <= _TIE
        axes.annotate(
            "", at[head], at[tail],
            arrowprops={
                "arrowstyle": "-" if tie else "-|>", "linestyle": ":" if tie else "-",
                "color": colour, "linewidth": 1.3 if among else 0.7, "shrinkA": 4, "shrinkB": 4,
            },
        )  # fmt: skip
        if (tail, head) in places:
            x, y = places[tail, head]
            axes.text(
                x,
                y,
                f"{game.P[tail, head]:.2f}".lstrip("0"),
                ha="center", va="center", color=colour,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": style.WHITE, "linewidth": 0},
            )  # fmt: skip
    for name, (x, y) in zip(game.names, at, strict=True):
        axes.plot([x], [y], "o", color=style.BLACK, markersize=4)
        axes.annotate(
            wrapped(name, 14), (x, y), xytext=(7 * x, 7 * y), textcoords="offset points",
            ha="center" if abs(x) < 0.3 else ("left" if x > 0 else "right"),
            va="center" if abs(y) < 0.3 else ("bottom" if y > 0 else "top"),
        )  # fmt: skip
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.4), aspect="equal")
    axes.set_axis_off()


def _number_places(
    at: "NDArray[np.float64]", arrows: list[tuple[int, int]]
) -> dict[tuple[int, int], "NDArray[np.float64]"]:
    """Where the number of each arrow stands: on it, as far from other arrows and numbers as can be.

    Numbers of neighbours on the circle stand outside of it, if there is an inside to keep free.
    """
    n, wide = len(at), np.array([_WIDER, 1.0])
    if n <= 3:
        return {(i, j): _TAILWARDS * at[i] + (1 - _TAILWARDS) * at[j] for i, j in arrows}
    places = {(i, j): 0.5 * (at[i] + at[j]) for i, j in arrows}
    inner = [(i, j) for i, j in arrows if (i - j) % n not in (1, n - 1)]
    for arrow in set(arrows) - set(inner):
        places[arrow] = _OUTSIDE * places[arrow]
    for arrow in inner * _SWEEPS:
        tail, head = at[list(arrow)]
        lines = [at[list(other)] for other in arrows if other != arrow]
        numbers = [place for other, place in places.items() if other != arrow]
        points = [w * tail + (1 - w) * head for w in np.linspace(0.25, 0.75, 41)]
        free = [
            min(
                *(_distance(point * wide, line * wide) for line in lines),
                *(float(np.linalg.norm((point - number) * wide)) / 2 for number in numbers),
            )
            for point in points
        ]
        places[arrow] = points[int(np.argmax(free))]
    return places


def _distance(point: "NDArray[np.float64]", line: "NDArray[np.float64]") -> float:
    """From a point to the segment between the two ends of a line."""
    start, way = line[0], line[1] - line[0]
    share = np.clip((point - start) @ way / (way @ way), 0, 1)
    return float(np.linalg.norm(point - start - share * way))


def smith_set(P: Any) -> set[int]:
    """The smallest set of answers each of which beats every answer outside it.

    Answers sorted by Copeland score are its members from the top; a tie does not beat.
    """
    n = len(P)
    beats = P - P.T > 2 * _TIE
    score = beats.sum(axis=1) - beats.sum(axis=0)
    order = list(np.argsort(-score, kind="stable"))
    for size in range(1, n + 1):
        inside, outside = order[:size], order[size:]
        if all(beats[i, j] for i in inside for j in outside):
            return set(map(int, inside))
    return set(range(n))


def shown_games(rows: pd.DataFrame, games: Games) -> dict[str, StoredGame]:
    """The stored games of few answers, by the names that described rows give them."""
    keys = rows.drop_duplicates(["game", "game_params"])[["game", "game_params"]]
    registered = rows.drop_duplicates(["game", "game_params"])["registry_game"]
    seeds = rows.groupby(["game", "game_params"], observed=True, sort=False)["seed"].min()
    found = {}
    for (name, params), key in zip(keys.itertuples(index=False), registered, strict=True):
        seed = seeds[name, params]
        game = games.find(str(key), str(params), None if pd.isna(seed) else int(seed))
        if game is not None and len(game.names) <= _MOST_ANSWERS:
            found[str(name)] = game
    return dict(list(found.items())[:_MOST_GAMES])


def figure(rows: pd.DataFrame, games: Games) -> "Figure | None":
    """The graphs of the first games with few answers; None if none is stored.

    Parameters
    ----------
    rows : DataFrame
        Described rows, with the game's registry name as ``registry_game``.
    games : Games
    """
    shown = shown_games(rows, games)
    if not shown:
        return None
    columns = fitting(len(shown), 1.6)
    cycles = sum(len(smith_set(game.P)) > 1 for game in shown.values())
    with style.settings():
        title = "Who is preferred to whom, and how often\n"
        title += f"In {cycles} of {len(shown)} games no answer beats all others (dark arrows)"
        sheet = Sheet(title, {}, 2.0 * -(-len(shown) // columns))
        grid = sheet.some_panels(0, len(shown), columns)
        for axes, (name, game) in zip(grid, shown.items(), strict=True):
            draw_graph(axes, game)
            axes.set_title(panels.shown_name(name))
    return sheet.figure
