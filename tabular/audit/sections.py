"""An audit in words and tables: blocks for the terminal, Markdown and HTML."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from games.game import Float
from results.document import Block, Bullets, Fold, Heading, Image, Paragraph, TableBlock
from tabular.audit.answers import Answer
from tabular.audit.audit import Audit
from tabular.audit.cluster_test import ClusterTest
from tabular.audit.cycles import Cycles
from tabular.audit.verdict import LEVEL, RULES

_SHOWN = 10
_TINY = 0.0005
_FIGURES = {
    "Is a reward enough?": ("wins",),
    "Are the cycles real?": ("majorities",),
    "What would be chosen": ("answers",),
    "What it rests on": ("influence",),
}


def blocks(found: Audit, name: str, captions: Mapping[str, str] | None = None) -> list[Block]:
    """The sections that were reached, each with a plain sentence before its numbers.

    Parameters
    ----------
    found : Audit
    name : str
        What the data are called in the title.
    captions : mapping of str to str, optional
        Names of figures -> captions; the figure is the file ``<name>.svg``.
    """
    captions = captions or {}
    sections: dict[str, tuple[bool, Callable[[Audit], Iterator[Block]]]] = {
        "In one paragraph": (found.verdict is not None, _verdict),
        "What was read": (True, _read),
        "Is a reward enough?": (found.reward is not None, _reward),
        "Are the cycles real?": (found.cycles is not None, _cycles),
        "What would be chosen": (bool(found.answers), _answers),
        "What it costs": (bool(found.costs), _costs),
        "What it rests on": (bool(found.rests_on), _rests_on),
        "What to ask next": (found.next_pairs is not None, _next),
    }
    out: list[Block] = [Heading(f"prefgames audit: {name}", 1)]
    for title, (reached, section) in sections.items():
        if reached:
            parts = list(section(found))
            figures = [f for f in _FIGURES.get(title, ()) if f in captions]
            images = [Image(captions[f], f"{f}.svg", captions[f]) for f in figures]
            out += [Heading(title), *parts[:1], *images, *parts[1:]]
    missing = [title for title, (reached, _) in sections.items() if not reached]
    if missing:
        out.append(Paragraph(f"Interrupted before: {', '.join(missing)}."))
    return out


def _verdict(found: Audit) -> Iterator[Block]:
    verdict = found.verdict
    assert verdict is not None
    yield Paragraph(verdict.text, lead=True)
    yield Paragraph(
        "What the data cannot say: who was asked and who was not, whether the answers compared are "
        "those that will be given, and whether a preference of the many should rule the few."
    )
    rules = pd.DataFrame(RULES, columns=["what was found", "advice"])
    yield Fold("The rules, the first that holds counts", (TableBlock(rules),))


def _read(found: Audit) -> Iterator[Block]:
    votes = found.votes
    data = votes.comparisons()
    n = votes.n
    unseen = int(data.unseen.sum()) // 2
    total = votes.weight.sum()
    yield Paragraph(
        f"{total:,.0f} comparisons of {n} answers; {unseen} of {n * (n - 1) // 2} pairs were never "
        "compared.",
        lead=True,
    )
    tied = votes.weight[votes.share == 0.5].sum() / total if total else 0.0
    points = [f"{tied:.0%} are ties, which count half to each side."]
    points += [f"{len(np.unique(key)):,} {kind}s." for kind, key in votes.clusters.items()]
    repeated = len(votes.first) - len(votes.distinct().first)
    if repeated:
        counted = "counts again" if found.settings.repeats else "counts once"
        points.append(
            f"{repeated:,} rows repeat a vote of the same rater or prompt; each {counted} in the "
            "test that takes comparisons as independent."
        )
    if found.by is None:
        points.append("Who compared is not known: all comparisons are taken as independent.")
    else:
        points.append(
            f"Comparisons of one {found.by} may depend on each other: {found.by}s are resampled."
        )
    yield Bullets(tuple(points))


def _reward(found: Audit) -> Iterator[Block]:
    test = found.reward
    assert test is not None
    tests: list[ClusterTest] = list(found.clustered.values())
    p_values = [t.p_value for t in tests] or [test.p_value]
    known = [p for p in p_values if p == p]
    if not known:
        reasons = [t.message for t in tests] or [test.message]
        yield Paragraph(f"It cannot be tested: {reasons[0]}.", lead=True)
    elif max(known) <= LEVEL:
        yield Paragraph(
            "No: one reward for each answer does not describe these comparisons "
            f"({_p(max(known))}).",
            lead=True,
        )
    else:
        yield Paragraph(
            f"Not rejected ({_p(max(known))}): a reward may be enough, if the data can tell.",
            lead=True,
        )
    lines = [
        (
            "likelihood ratio, comparisons independent",
            test.statistic,
            f"{test.df} df",
            test.p_value,
            test.message,
        )
    ]
    lines += [
        (f"score, {kind}s independent", t.statistic, f"{t.clusters} {kind}s", t.p_value, t.message)
        for kind, t in found.clustered.items()
    ]
    yield TableBlock(
        pd.DataFrame(lines, columns=["test", "statistic", "size", "p", "note"]),
        "Tests of the Bradley-Terry model",
        (("p", "share of data sets from fitted rewards whose statistic is as large"),),
    )
    losses = [(h.estimator, h.loss, h.error) for h in found.held_out]
    yield TableBlock(
        pd.DataFrame(losses, columns=["preference model", "log-loss", "error"]),
        "Prediction of comparisons that were held out; a guess has 0.693",
        (
            ("log-loss", "mean of -log P(winner), in nats; lower is better"),
            ("error", "standard error of the difference to the first line"),
        ),
    )


def _cycles(found: Audit) -> Iterator[Block]:
    cycles, names = found.cycles, found.votes.names
    assert cycles is not None
    established = [c for c in cycles.found if c.established]
    if established:
        yield Paragraph(
            f"Yes: {len(established)} of {len(cycles.found)} observed three-cycles "
            f"{'is' if len(established) == 1 else 'are'} established.",
            lead=True,
        )
    elif cycles.found:
        yield Paragraph(
            f"Not established: {_n_cycles(len(cycles.found))} observed, which may be chance.",
            lead=True,
        )
    else:
        yield Paragraph("There is no three-cycle among the observed majorities.", lead=True)
    lines = [
        (" > ".join(names[a] for a in (*c.answers, c.answers[0])), c.p_value, c.adjusted)
        for c in cycles.found[:_SHOWN]
    ]
    if lines:
        yield TableBlock(
            pd.DataFrame(lines, columns=["cycle", "p", "adjusted"]),
            "Three-cycles, the best established first",
            (
                ("p", "largest of the p-values of its three majorities"),
                ("adjusted", "after Holm's correction for all triples; below .05 established"),
            ),
        )
    yield TableBlock(
        _frequencies(cycles, names),
        "How often, in samples of the data and in samples of the fitted rewards",
        (("rewards", "what is as frequent there is no sign of a cycle"),),
    )
    yield Bullets(
        (
            f"Cyclic share of the margins {cycles.observed.cyclic_share[0]:.3f}; as large in "
            f"samples of the fitted rewards with {_p(cycles.share_p_value)}.",
            "Margin by which every single answer is beaten "
            f"{cycles.observed.single_gap[0]:.3f}; as large there with {_p(cycles.gap_p_value)}.",
            "The fitted rewards, with ties, are one transitive explanation. Raters who weigh "
            "different attributes, or a judge that prefers what it saw first, can look cyclic too.",
        )
    )


def _n_cycles(n: int) -> str:
    return "one three-cycle is" if n == 1 else f"{n} three-cycles are"


def _frequencies(cycles: Cycles, names: Sequence[str]) -> pd.DataFrame:
    lines = [("no Condorcet winner", cycles.bootstrap.no_winner, cycles.null.no_winner)]
    order = np.argsort(-cycles.bootstrap.smith, kind="stable")[:_SHOWN]
    for k in order:
        if cycles.bootstrap.smith[k] > _TINY:
            one, other = cycles.bootstrap, cycles.null
            lines.append((f"{names[k]} beats all others", one.condorcet[k], other.condorcet[k]))
            lines.append((f"{names[k]} in the Smith set", one.smith[k], other.smith[k]))
    return pd.DataFrame(lines, columns=["event", "data", "rewards"])


def _answers(found: Audit) -> Iterator[Block]:
    sharp = [a for a in found.answers if a.strength == "tau = 0"]
    names = found.votes.names
    sets = {a.concept: [name for name, k in zip(names, a.answers, strict=True) if k] for a in sharp}
    if len({tuple(s) for s in sets.values()}) == 1 and len(next(iter(sets.values()))) == 1:
        yield Paragraph(f"All three concepts answer {next(iter(sets.values()))[0]}.", lead=True)
    else:
        said = "; ".join(
            f"{a.concept} {_likeliest(a, names)} ({len(sets[a.concept])} answers not excluded)"
            for a in sharp
        )
        yield Paragraph(f"Without a penalty: {said}.", lead=True)
    yield TableBlock(
        _policies(found, "tau = 0"),
        "At tau = 0; in brackets whether the answer is not excluded with 95 % confidence",
    )
    for strength in dict.fromkeys(a.strength for a in found.answers if a not in sharp):
        yield TableBlock(
            _policies(found, strength),
            f"At {strength}, with 95 % intervals from samples of the data",
        )


def _likeliest(answer: Answer, names: Sequence[str]) -> str:
    if not np.isfinite(answer.policy).all():
        return "undefined"
    k = int(answer.policy.argmax())
    return f"{names[k]} {answer.policy[k]:.2f}"


def _policies(found: Audit, strength: str) -> pd.DataFrame:
    chosen = [a for a in found.answers if a.strength == strength]
    names = found.votes.names
    weight = np.nan_to_num(np.array([a.policy for a in chosen])).max(0)
    possible = np.array([a.answers for a in chosen]).any(0)
    order = np.lexsort([-weight, ~possible] if strength == "tau = 0" else [-weight])[:_SHOWN]
    columns = {"answer": [names[k] for k in order]}
    for a in chosen:
        if strength == "tau = 0":
            cells = [
                f"{_number(a.policy[k])} [{'possible' if a.answers[k] else 'excluded'}]"
                for k in order
            ]
        else:
            cells = [
                f"{_number(a.policy[k])} [{_number(a.low[k])}, {_number(a.high[k])}]" for k in order
            ]
        columns[a.concept] = cells
    return pd.DataFrame(columns)


def _number(value: float) -> str:
    return "undef." if value != value else f"{value:.3f}"


def _costs(found: Audit) -> Iterator[Block]:
    sharp = {c.concept: c for c in found.costs if c.strength == "tau = 0"}
    said = ", ".join(f"{k} {_number(c.lower)} to {_number(c.upper)}" for k, c in sharp.items())
    yield Paragraph(
        "The margin by which the best opposing policy would be preferred, without a penalty: "
        f"{said}.",
        lead=True,
    )
    lines = [(c.concept, c.strength, c.lower, c.upper, c.same_data) for c in found.costs]
    yield TableBlock(
        pd.DataFrame(lines, columns=["concept", "at", "lower", "upper", "same data"]),
        "Exploitability of the policy that a third of the data gives",
        (
            ("lower", "best reply chosen on a second third and measured on the last"),
            ("upper", "95 % bound on the largest margin, from the other two thirds"),
            ("same data", "on the data that made the policy; 0 for NLHF at tau = 0 by definition"),
        ),
    )


def _rests_on(found: Audit) -> Iterator[Block]:
    names = found.votes.names
    said = []
    for r in found.rests_on:
        if r.flips:
            bound = "" if r.at_least >= r.fewest_flips else f" (at least {r.at_least})"
            said.append(f"{r.concept} {r.fewest_flips:.0f}{bound}")
        elif r.fewest_flips == 0:
            said.append(f"{r.concept} 0, as answers are tied")
    lead = f"Labels to reverse before the likeliest answer changes: {', '.join(said)}."
    yield Paragraph(lead if said else "How few labels decide was not searched for.", lead=True)
    flips = [
        (r.concept, f"{names[i]} over {names[j]}", count)
        for r in found.rests_on
        for i, j, count in r.flips
    ]
    if flips:
        yield TableBlock(
            pd.DataFrame(flips, columns=["concept", "label", "reversed"]), "The labels to reverse"
        )
    lines = []
    for r in found.rests_on:
        for what in dict.fromkeys(i.what for i in r.left_out):
            for i in [i for i in r.left_out if i.what == what][:3]:
                key = " and ".join(names[k] for k in i.key) if isinstance(i.key, tuple) else i.key
                lines.append((r.concept, f"{what} {key}", i.votes, i.shift))
    yield TableBlock(
        pd.DataFrame(lines, columns=["concept", "left out", "comparisons", "shift"]),
        f"What moves the answer at {found.smooth} most when it is left out",
        (("shift", "total variation between the answers with it and without"),),
    )


def _next(found: Audit) -> Iterator[Block]:
    value, names = found.next_pairs, found.votes.names
    assert value is not None
    i, j = np.triu_indices(len(names), 1)
    order = np.argsort(-np.nan_to_num(value.answer[i, j]), kind="stable")[:_SHOWN]
    first = order[0] if len(order) else None
    if first is None:
        yield Paragraph("There is no pair to ask about.", lead=True)
        return
    yield Paragraph(
        f"{names[i[first]]} against {names[j[first]]}: {value.more:,.0f} further comparisons would "
        f"remove {value.answer[i[first], j[first]]:.0%} of the variance of the answer.",
        lead=True,
    )
    pairs = data_pairs(found)
    lines = [
        (
            f"{names[i[k]]} and {names[j[k]]}",
            pairs[i[k], j[k]],
            value.answer[i[k], j[k]],
            value.d_optimal[i[k], j[k]],
            value.a_optimal[i[k], j[k]],
        )
        for k in order
    ]
    yield TableBlock(
        pd.DataFrame(lines, columns=["pair", "comparisons", "answer", "D-optimal", "A-optimal"]),
        f"What {value.more:,.0f} further comparisons of one pair would tell",
        (
            ("answer", f"share of the variance of NLHF at {found.smooth} removed"),
            ("D-optimal", "growth of the log determinant of the information on rewards"),
            ("A-optimal", "share of the mean variance of the rewards removed"),
        ),
    )


def data_pairs(found: Audit) -> Float:
    """How often each pair was compared, (n, n)."""
    return found.votes.comparisons().pairs


def _p(value: float) -> str:
    return f"p = {value:.3f}" if value >= _TINY else "p < 0.001"
