"""The figures of an audit: who wins how surely, what would be chosen, what it rests on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from results import panels, style
from results.preference_graph import draw_graph
from results.sheet import Sheet, wrapped
from results.stored_games import StoredGame
from tabular.audit.answers import bands
from tabular.audit.audit import Audit
from tabular.audit.votes import game_of

MOST_ANSWERS = 12
_MOST_IN_GRAPH = 8
_BARS = 8
_DARK = 0.65


def draw(found: Audit) -> dict[str, tuple[Any, str]]:
    """Name -> figure of matplotlib and caption, of the sections that were reached.

    With more than twelve answers there are only the bars; the graph has at most eight.
    """
    few = found.votes.n <= MOST_ANSWERS
    drawings: dict[str, tuple[bool, Callable[[Audit], Sheet], str]] = {
        "wins": (
            few and found.pairs is not None,
            _wins,
            "How often the answer on the left is preferred to that below; darker is more often. "
            "Bold where a band around all pairs at once, at 95 %, lies on one side of 1/2.",
        ),
        "majorities": (
            found.votes.n <= _MOST_IN_GRAPH and found.cycles is not None,
            _majorities,
            "An arrow leads from the answer that is preferred to the one that is not, with the "
            "rate at which it is; dark among the answers of the Smith set.",
        ),
        "answers": (
            few and bool(found.answers),
            _answers,
            "Probability of each answer, with 95 % intervals from samples of the data.",
        ),
        "influence": (
            bool(found.rests_on),
            _influence,
            "Total variation between the answer and what it is without a pair, rater or prompt.",
        ),
    }
    with style.settings():
        return {
            name: (make(found).figure, caption)
            for name, (drawn, make, caption) in drawings.items()
            if drawn
        }


def _wins(found: Audit) -> Sheet:
    assert found.pairs is not None
    share, names = found.pairs.share, found.votes.names
    low, high = bands(found.pairs)
    order = np.argsort(-share.sum(-1), kind="stable")
    clear = int(((low > 0.5) | (high < 0.5)).sum()) // 2
    pairs = len(names) * (len(names) - 1) // 2
    title = f"Who is preferred to whom: {clear} of {pairs} majorities are beyond doubt"
    sheet = Sheet(title, {}, 1.0 + 0.3 * len(names))
    axes = sheet.panels(0, 1, 1)[0, 0]
    shown = np.where(np.eye(len(names), dtype=bool), np.nan, share)[np.ix_(order, order)]
    axes.imshow(shown, cmap=style.MAP, vmin=0, vmax=1, aspect="auto")
    for a, i in enumerate(order):
        for b, j in enumerate(order):
            if i != j:
                sure = low[i, j] > 0.5 or high[i, j] < 0.5
                axes.text(
                    b, a, f"{share[i, j]:.2f}".lstrip("0"), ha="center", va="center",
                    fontweight="bold" if sure else "normal",
                    color=style.WHITE if share[i, j] > _DARK else style.BLACK,
                )  # fmt: skip
    short = [wrapped(names[k], 14) for k in order]
    axes.set_xticks(range(len(names)), short, rotation=90 if len(names) > 5 else 0)
    axes.set_yticks(range(len(names)), short)
    axes.set(xlabel="preferred to", ylabel="rate at which this answer is")
    axes.tick_params(length=0)
    return sheet


def _majorities(found: Audit) -> Sheet:
    assert found.cycles is not None
    observed = game_of(found.votes.points)
    game = StoredGame(found.votes.names, observed.P, observed.ref)
    established = sum(cycle.established for cycle in found.cycles.found)
    cycles = len(found.cycles.found)
    title = f"Majorities: {cycles} three-cycle{'s' * (cycles != 1)}, {established} established"
    sheet = Sheet(title, {}, 3.0)
    draw_graph(sheet.panels(0, 1, 1)[0, 0], game)
    return sheet


def _answers(found: Audit) -> Sheet:
    chosen = [a for a in found.answers if a.strength == found.smooth]
    names = found.votes.names
    weight = np.nan_to_num(np.array([a.policy for a in chosen])).max(0)
    order = np.argsort(-weight, kind="stable")
    axis = np.arange(len(order))
    title = f"What each concept would choose at {found.smooth}"
    key = {a.concept: panels.dot(a.concept.lower()) for a in chosen}
    sheet = Sheet(title, key, 0.9 + 0.3 * len(order))
    axes = sheet.panels(0, 1, 1)[0, 0]
    for k, a in enumerate(chosen):
        at = axis + (k - (len(chosen) - 1) / 2) * 0.22
        policy, low, high = a.policy[order], a.low[order], a.high[order]
        axes.errorbar(
            policy, at, xerr=[np.maximum(policy - low, 0), np.maximum(high - policy, 0)],
            fmt=style.MARKERS[a.concept.lower()][0], color=style.COLOURS[a.concept.lower()],
            markersize=4, linewidth=1, capsize=2,
        )  # fmt: skip
    axes.set_yticks(axis, [wrapped(names[k], 24) for k in order])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("probability of the answer")
    return sheet


def _influence(found: Audit) -> Sheet:
    names = found.votes.names
    sheet = Sheet(f"What the answers at {found.smooth} rest on most", {}, 0.7 + 0.2 * _BARS)
    grid = sheet.panels(0, 1, len(found.rests_on), sharex=True)[0]
    for axes, rests in zip(grid, found.rests_on, strict=True):
        ranked = sorted(rests.left_out, key=lambda i: -np.nan_to_num(i.shift))[:_BARS]
        words = []
        for i in ranked:
            key = " - ".join(names[k] for k in i.key) if isinstance(i.key, tuple) else f"{i.key}"
            words.append(wrapped(key if i.what == "pair" else f"{i.what} {key}", 18))
        axes.barh(
            range(len(ranked)),
            [i.shift for i in ranked],
            color=style.COLOURS[rests.concept.lower()],
        )
        axes.set_yticks(range(len(ranked)), words)
        axes.invert_yaxis()
        axes.set(title=rests.concept, xlabel="shift when left out")
    return sheet
