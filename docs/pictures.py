"""The pictures of the page on concepts; ``python docs/pictures.py`` draws them again.

Every number in them is computed here, by the library. They are stored as SVG whose text is text,
so that a test can tell whether they still say what the code says.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from games import GAMES, PreferenceGame, measures
from games.catalogue import make
from games.game import TIE_TOL
from results.style import COLOURS, FAINT, GREY
from solvers import SOLVERS, Solution

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = Path(__file__).parent / "pictures"
CONCEPTS = ("rlhf", "nlhf", "slhf")
PEOPLE = ("A > B > C", "B > C > A", "C > A > B")
TAUS = np.geomspace(0.01, 10, 31)
SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "prefgames",
}


def answer(concept: str, game: PreferenceGame, tau: float) -> Solution:
    """The exact answer of a concept at a weight of the KL penalty."""
    weights = ["tau_leader", "tau_follower"] if concept == "slhf" else ["tau"]
    return SOLVERS[f"{concept}_exact"](**dict.fromkeys(weights, tau)).solve(game)


def cycle() -> "Figure":
    """Three groups of annotators, and the majorities that they make."""
    game = GAMES["condorcet"]()
    figure, (left, right) = _axes(2, 2.7)
    assert game.population is not None
    for k, (share, order) in enumerate(zip(game.population.shares, PEOPLE, strict=True)):
        left.barh(-k, share, color=FAINT, height=0.7)
        left.text(0.01, -k, f"{share:.0%} rank  {order}", va="center")
    left.set(title="Three groups of annotators ...", xlim=(0, 0.5))
    left.axis("off")
    _graph(right, game, [(0, 1), (-1, -0.75), (1, -0.75)])
    right.set_title("... whose majorities go in a circle")
    return figure


def answers() -> "Figure":
    """What the three concepts answer without a penalty."""
    game = GAMES["condorcet"]()
    figure, panels = _axes(3, 2.2, sharey=True)
    for ax, concept in zip(panels, CONCEPTS, strict=True):
        policy = answer(concept, game, 0.0).policy
        bars = ax.bar(game.names, policy, color=COLOURS[concept], width=0.6)
        ax.bar_label(bars, [f"{p:.2f}" for p in policy], padding=2)
        ax.set(title=concept.upper(), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    panels[0].set_ylabel("probability of the answer")
    return figure


def gap() -> "Figure":
    """How often the best opponent wins against each answer of the three concepts."""
    game = GAMES["condorcet"]()
    figure, panels = _axes(3, 2.5, sharey=True)
    for ax, concept in zip(panels, CONCEPTS, strict=True):
        policy = answer(concept, game, 0.0).policy
        wins = game.win_rates(policy)
        bars = ax.bar(game.names, wins, color=FAINT, width=0.6)
        for bar, win in zip(bars, wins, strict=True):
            if win > 0.5 + TIE_TOL:
                bar.set_color(COLOURS[concept])
        ax.bar_label(bars, [f"{p:.2f}" for p in wins], padding=2)
        ax.axhline(0.5, color=GREY, lw=0.8, ls="--")
        value = float(measures.duality_gap(game, policy))
        text = f"{concept.upper()}: gap = {abs(value):.2f}"
        ax.set(title=text, ylim=(0, 0.85), yticks=[0, 0.5], xlabel="opponent")
    panels[0].set_ylabel("how often the\nopponent is preferred")
    return figure


def strength() -> "Figure":
    """How far each concept goes from the reference at the same weight of the penalty."""
    game = make({"name": "laddered", "game": "condorcet"})
    figure, (ax,) = _axes(1, 3.0)
    for concept in CONCEPTS:
        kls = [float(measures.kl_to_ref(game, answer(concept, game, t).policy)) for t in TAUS]
        ax.plot(TAUS, kls, color=COLOURS[concept], lw=1.8)
        ax.annotate(concept.upper(), (TAUS[0], kls[0]), xytext=(-4, 0), color=COLOURS[concept],
                    textcoords="offset points", ha="right", va="center")  # fmt: skip
    ax.set(xscale="log", xlabel="tau, the weight of the KL penalty", xlim=(0.005, 10))
    ax.set_ylabel("KL to the reference, in nats")
    ax.set_title("The same tau is another strength for every concept")
    return figure


def simplex() -> "Figure":
    """The way of the three concepts from the reference to their answers without a penalty."""
    game = GAMES["condorcet"]()
    figure, (ax,) = _axes(1, 3.6)
    corners = np.array([(0.5, np.sqrt(0.75)), (0, 0), (1, 0)])
    ax.fill(*corners.T, facecolor="none", edgecolor=GREY, lw=0.8)
    shifts = ((0, 0.04, "center", "bottom"), (-0.03, 0, "right", "top"), (0.03, 0, "left", "top"))
    for (x, y), name, (dx, dy, ha, va) in zip(corners, game.names, shifts, strict=True):
        ax.text(x + dx, y + dy, f"always {name}", ha=ha, va=va)
    for concept in CONCEPTS:
        taus: Sequence[float] = [*TAUS[::-1], 0.0]
        way = np.array([answer(concept, game, tau).policy for tau in taus]) @ corners
        ax.plot(*way.T, color=COLOURS[concept], lw=1.8)
        ax.plot(*way[-1], "o", color=COLOURS[concept], ms=7, clip_on=False)
        side = {"rlhf": (0.06, 0.05), "nlhf": (0.05, 0), "slhf": (-0.06, -0.02)}[concept]
        ha = "right" if side[0] < 0 else "left"
        x, y = way[-1] + side
        ax.text(x, y, concept.upper(), color=COLOURS[concept], ha=ha, va="center")
    x, y = game.ref @ corners
    ax.plot(x, y, "o", color=GREY, ms=5)
    ax.text(x + 0.04, y - 0.03, "reference", color=GREY, va="top")
    ax.set_aspect("equal")
    ax.axis("off")
    return figure


def smith() -> "Figure":
    """A cycle at the top that beats what is below: the Smith set."""
    game = GAMES["smith_cycle"](below=(0.35,))
    figure, (ax,) = _axes(1, 2.9)
    places = [(0, 1.5), (-1.6, -1.1), (1.6, -1.1), (0, -0.25)]
    _graph(ax, game, places, measures.smith_set(game))
    ax.set_title("The shaded answers are the Smith set")
    return figure


PICTURES: tuple[Callable[[], "Figure"], ...] = (cycle, answers, gap, strength, simplex, smith)


def _axes(n: int, height: float, sharey: bool = False) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, height), layout="constrained")
    return figure, list(figure.subplots(1, n, squeeze=False, sharey=sharey)[0])


def _graph(
    ax: "Axes",
    game: PreferenceGame,
    places: Sequence[tuple[float, float]],
    shaded: NDArray[np.bool_] | None = None,
) -> None:
    """An arrow from each answer to the answers that it beats, with how often it is preferred."""
    from matplotlib.patches import FancyArrowPatch

    where: Any = np.array(places, dtype=float)
    for i, j in np.argwhere(game.P > 0.5):
        ax.add_patch(FancyArrowPatch(where[i], where[j], arrowstyle="-|>", mutation_scale=12,
                                     shrinkA=15, shrinkB=15, color=GREY, lw=1.2))  # fmt: skip
        label: Any = {"ha": "center", "va": "center", "bbox": {"color": "white", "pad": 1.5}}
        x, y = 0.55 * where[i] + 0.45 * where[j]
        ax.text(x, y, f"{game.P[i, j]:.0%}", **label)
    for k, (x, y) in enumerate(places):
        fill = FAINT if shaded is not None and shaded[k] else "white"
        circle = {"boxstyle": "circle,pad=0.4", "facecolor": fill, "edgecolor": "black"}
        name = game.names[k] if len(game.names[k]) == 1 else "D"
        ax.text(x, y, name, ha="center", va="center", bbox=circle, zorder=3)
    low, high = where.min(0) - 0.45, where.max(0) + 0.45
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.axis("off")


def draw(folder: Path = FOLDER) -> list[Path]:
    """Draw every picture and return the paths."""
    import matplotlib as mpl

    paths = []
    with mpl.rc_context(SETTINGS):
        for picture in PICTURES:
            path = folder / f"{picture.__name__}.svg"
            metadata: dict[str, Any] = {"Date": None, "Creator": None}
            picture().savefig(path, facecolor="white", metadata=metadata)
            paths.append(path)
    return paths


if __name__ == "__main__":
    draw()
