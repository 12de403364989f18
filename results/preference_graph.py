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

_MOST_ANSWERS = 8
_MOST_GAMES = 6
_TIE = 1e-9
_READABLE = 6
"""With more answers than this the arrows have no numbers."""


def draw_graph(axes: "Axes", game: StoredGame) -> None:
    """Draw the answers on a circle and an arrow from the preferred one of each pair to the other.

    The number on an arrow is the probability that its tail is preferred to its head; the arrows
    are dark among the answers that beat all others together (the Smith set), light elsewhere, and
    a tie is a dotted line.
    """
    n = len(game.names)
    angles = math.pi / 2 - 2 * math.pi * np.arange(n) / n
    at = np.column_stack([np.cos(angles), np.sin(angles)])
    top, share = smith_set(game.P), 0.58 if n <= 3 else 0.7
    for i, j in ((i, j) for i in range(n) for j in range(n) if i < j):
        tail, head = (i, j) if game.P[i, j] >= game.P[j, i] else (j, i)
        among = tail in top and head in top
        colour = style.BLACK if among else style.GREY
        tie = abs(game.P[i, j] - 0.5) <= _TIE
        axes.annotate(
            "", at[head], at[tail],
            arrowprops={
                "arrowstyle": "-" if tie else "-|>", "linestyle": ":" if tie else "-",
                "color": colour, "linewidth": 1.3 if among else 0.7, "shrinkA": 4, "shrinkB": 4,
            },
        )  # fmt: skip
        if n <= _READABLE:
            x, y = share * at[tail] + (1 - share) * at[head]
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
