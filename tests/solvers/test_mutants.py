"""Planted bugs: each is one replacement in a source text, and a short battery must notice it."""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import special

from games import PreferenceGame
from solvers import nlhf_exact
from tests.planted import planted
from tests.strategies import table

REF = [0.2, 0.5, 0.3]
CYCLE = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.8], [0.7, 0.2, 0.5]])
FOLLOWER = np.array([[0.1, 0.3, 0.6], [0.5, 0.2, 0.3], [0.3, 0.4, 0.3]])
LADDER = special.expit(np.subtract.outer([0.7, 0.4, -1.1], [0.7, 0.4, -1.1]))
NOTICED = (AssertionError, ValueError, IndexError, ArithmeticError, RuntimeWarning)


def close(found: object, expected: object, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=atol)


def rlhf_battery(cls: Any) -> None:
    """Rewards and policies of a ladder, of a cycle, under pairs and ridge; existence."""
    ladder = PreferenceGame(LADDER, REF)
    close(cls().rewards(ladder), [0.7, 0.4, -1.1])
    soft = np.array(REF) * np.exp(np.array([0.7, 0.4, -1.1]) / 0.5)
    found = cls(tau=0.5).solve(ladder)
    close(found.policy, soft / soft.sum())
    assert found.certificate.holds
    close(cls(tau=0).solve(ladder).policy, [1, 0, 0])
    tied = PreferenceGame(special.expit(np.subtract.outer([1, 1, 0], [1, 1, 0])), REF)
    close(cls(tau=0).solve(tied).policy, [2 / 7, 5 / 7, 0])
    alpha = PreferenceGame([[0.5, 0.65, 0.4], [0.35, 0.5, 0.75], [0.6, 0.25, 0.5]])
    close(cls().rewards(alpha), [0.0672, 0.1344, -0.2016], 5e-5)
    pairs = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    dropped = PreferenceGame(alpha.P, pairs=pairs)
    close(cls().rewards(dropped), [0.779, 0.160, -0.939], 5e-4)
    r = cls(ridge=0.1).rewards(ladder)
    fitted = special.expit(np.subtract.outer(r, r))
    close((fitted - LADDER).sum(-1) / 3 + 0.1 * r, np.zeros(3))
    one_way = table(np.array([[0, 0, 0], [0.4, 0, 0], [0, 0, 0]]))
    all_pairs, one_pair = np.ones((3, 3)), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    for P, w in ((one_way, all_pairs), (1 - one_way, all_pairs), (CYCLE, one_pair)):
        batch = PreferenceGame([CYCLE, P], pairs=np.stack([all_pairs, w]))
        found = cls().solve(batch)
        np.testing.assert_array_equal(found.status, ["ok", "undefined"])
        np.testing.assert_array_equal(np.isnan(found.policy).all(-1), [False, True])


def nlhf_battery(cls: Any) -> None:
    """A tie, a cycle and a ladder together at three taus and at 0; an outsider that binds."""
    refs = np.array([[0.01, 0.09, 0.9], REF, [0.3, 0.3, 0.4]])
    batch = PreferenceGame([np.full((3, 3), 0.5), CYCLE, LADDER], refs)
    for tau in (2.0, 0.1, 0.004):
        found = cls(tau=tau).solve(batch)
        off = found.log_policy - np.log(refs) - batch.win_rates(found.policy) / tau
        close(off - off[:, :1], np.zeros((3, 3)), 1e-10)
        close(found.policy.sum(-1), np.ones(3))
        assert found.certificate.holds.all()
    found = cls(tau=0).solve(batch)
    close(found.policy, [refs[0], np.array([0.3, 0.2, 0.4]) / 0.9, [1, 0, 0]])
    assert found.certificate.holds.all()
    binds = table(np.array([[0, 0, 0], [0.5, 0, 0], [0.4, 0.9, 0]]))
    close(cls(tau=0).solve(PreferenceGame(binds, [0.1, 0.8, 0.1])).policy, [0.8, 0.2, 0])
    close(cls(tau=0).solve(PreferenceGame(binds, [0.72, 0.08, 0.2])).policy, [0.9, 0.1, 0])


def slhf_battery(cls: Any) -> None:
    """Unequal weights and references, both sharp limits, and ties on both sides."""
    game = PreferenceGame(CYCLE, REF, FOLLOWER)
    kept = FOLLOWER * np.exp(-CYCLE / 0.3)
    tilted = np.array(REF) * np.exp(-0.3 * np.log(kept.sum(-1)) / 0.05)
    found = cls(tau_leader=0.05, tau_follower=0.3).solve(game)
    close(found.follower, kept / kept.sum(-1, keepdims=True))
    close(found.policy, tilted / tilted.sum())
    assert found.certificate.holds
    sharp = cls(tau_leader=0, tau_follower=0).solve(game)
    close(sharp.policy, [1, 0, 0])
    close(sharp.follower, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    tied = PreferenceGame(table(np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]])), REF, FOLLOWER)
    even = cls(tau_leader=0, tau_follower=0).solve(tied)
    close(even.policy, REF)
    close(even.follower, FOLLOWER)
    assert cls(tau_leader=0, tau_follower=0.3).solve(game).certificate.holds


def measure_battery(found: Any) -> None:
    """Hand values of every measure that tables report."""
    game = PreferenceGame(CYCLE, REF, FOLLOWER)
    pi = np.array([0.6, 0.3, 0.1])
    rates = CYCLE @ pi
    soft = np.array(REF) * np.exp(rates / 0.2)
    close(found.best_response(game, pi, 0.2), soft / soft.sum())
    close(found.duality_gap(game, pi), 2 * rates.max() - 1)
    kl = (pi * np.log(pi / REF)).sum()
    close(found.duality_gap(game, pi, 0.2), 2 * 0.2 * (np.log(soft.sum()) + kl) - 1)
    for tau in (0.2, 3.0):
        values = -tau * np.log((FOLLOWER * np.exp(-CYCLE / tau)).sum(-1))
        close(found.follower_values(game, tau), values)
    close(found.follower_values(game), [0.3, 0.1, 0.2])
    close(found.leader_value(game, pi), pi @ [0.3, 0.1, 0.2])
    close(found.borda(game), [0.6, 0.45, 0.45])
    five = np.full((5, 5), 0.5)
    for i, j in [(4, 2), (2, 1), (1, 4), (4, 0), (2, 0), (1, 0), (4, 3), (2, 3), (1, 3)]:
        five[i, j], five[j, i] = 0.8, 0.2
    crowd = PreferenceGame(five)
    close(found.smith_set(crowd), [0, 1, 1, 0, 1])
    close(found.copeland(crowd), [0.5, 3, 3, 0.5, 3])
    close(found.three_cycles(crowd), 1)
    close(found.condorcet_winner(crowd), np.zeros(5))
    close(found.condorcet_winner(PreferenceGame(LADDER)), [1, 0, 0])
    close(found.dominated(PreferenceGame(LADDER)), [0, 1, 1])
    close(found.dominated(crowd), [1, 0, 0, 1, 0])
    split = found.hodge_log_odds(PreferenceGame(LADDER))
    close(split.scores, [0.7, 0.4, -1.1])
    close(split.cyclic_share, 0)


BATTERIES: dict[str, Callable[[Any], None]] = {
    "solvers.rlhf_exact": rlhf_battery,
    "solvers.nlhf_exact": nlhf_battery,
    "solvers.exact.regularized_nash": nlhf_battery,
    "solvers.exact.maximal_lottery": nlhf_battery,
    "solvers.slhf_exact": slhf_battery,
    "games.measures": measure_battery,
}

P_T = "np.swapaxes(P, -1, -2)"
MUTANTS: dict[str, list[tuple[str, str]]] = {
    "solvers.rlhf_exact": [
        ("game.log_ref + r / self.tau", "game.log_ref - r / self.tau"),
        ("game.log_ref + r / self.tau", "r / self.tau"),
        ("game.log_ref + r / self.tau", "game.log_ref + r"),
        ("r[..., None, :]) - P\n", f"r[..., None, :]) - {P_T}\n"),
        ("off, -np.swapaxes(off, -1, -2)", "off, np.swapaxes(off, -1, -2)"),
        ("(w * off).sum(-1) + ridge * r", "(w * off).sum(-1) - ridge * r"),
        ("(w * off).sum(-1) + ridge * r", "off.sum(-1) / 3 + ridge * r"),
        ("keepdims=True) / 2\n", "keepdims=True)\n"),
        ("spread_over_best(r, game.log_ref,", "spread_over_best(-r, game.log_ref,"),
        ("spread_over_best(r, game.log_ref,", "spread_over_best(r, 0 * game.log_ref,"),
        ("(game.pair_weights > 0) & (game.P > 0)", "game.P > 0"),
        ("~(_reaches_all(wins) & ", "~(_reaches_all(wins) | "),
        ("np.flatnonzero(infinite)", "np.flatnonzero(~infinite)"),
    ],
    "solvers.nlhf_exact": [
        ("game.P.reshape(-1, n, n)", "np.swapaxes(game.P, -1, -2).reshape(-1, n, n)"),
        ("game.ref.reshape(-1, n)", "np.full((game.ref.size // n, n), 1 / n)"),
        ("np.log(ref), self.tau)", "np.log(ref), 1.01 * self.tau)"),
        ("np.exp(log_policy)) / self.tau", "np.exp(log_policy))"),
    ],
    "solvers.exact.regularized_nash": [
        ("win_rates(P, np.exp(theta)) / tau", f"win_rates({P_T}, np.exp(theta)) / tau"),
        ("theta - log_ref - numerics", "theta - numerics"),
        ("theta - log_ref - numerics", "theta - log_ref + numerics"),
        ("np.maximum(tau, solved_tau", "np.maximum(2 * tau, solved_tau"),
        ("done[index[gone]] = theta[gone]", "done[: gone.sum()] = theta[gone]"),
        ("log_ref[stay], index[stay]", "log_ref[: stay.sum()], index[: stay.sum()]"),
    ],
    "solvers.exact.maximal_lottery": [
        ("(P - P.T) / 2", "(P.T - P) / 2"),
        ("while not (used | unused).all():", "while not used.any():"),
        ("rank >= len(inner) - 1", "rank >= 0"),
        ("np.log(ref[used])", "0 * ref[used]"),
        ("np.vstack([equal, at_most])", "np.vstack([equal, 0 * at_most])"),
        ("np.append(np.zeros(n), -np.ones(k))", "np.append(np.zeros(n), np.ones(k))"),
        ("found = undecided & (p > _TOL)", "found = undecided & (p < _TOL)"),
    ],
    "solvers.slhf_exact": [
        ("log_ref - cost / self.tau_follower", "log_ref + cost / self.tau_follower"),
        ("log_ref - cost / self.tau_follower", "log_ref - cost / self.tau_leader"),
        ("follower_values(game, self.tau_follower)", "follower_values(game, self.tau_leader)"),
        ("game.log_ref + values / self.tau_leader", "values / self.tau_leader"),
        ("game.log_ref + values / self.tau_leader", "game.log_ref + values / self.tau_follower"),
        ("spread_over_best(values, game.log_ref,", "spread_over_best(-values, game.log_ref,"),
        ("spread_over_best(values, game.log_ref,", "spread_over_best(values, 0 * values,"),
        ("spread_over_best(-cost, log_ref,", "spread_over_best(cost, log_ref,"),
        ("spread_over_best(-cost, log_ref,", "spread_over_best(-cost, 0 * cost,"),
        ("        cost = game.rows(i)\n", "        cost = 1 - game.rows(i)\n"),
        ("        log_ref = game.log_ref_follower(i)\n", "        log_ref = game.log_ref\n"),
    ],
    "games.measures": [
        ("2 * rates.max(-1) - 1", "rates.max(-1) - rates.min(-1)"),
        ("2 * tau * numerics.kl", "tau * numerics.kl"),
        ("kl(numerics.log(pi), log_best)", "kl(log_best, numerics.log(pi))"),
        ("log_best = numerics.log_softmax(game.log_ref + ", "log_best = numerics.log_softmax("),
        ("log_policy = numerics.log_softmax(game.log_ref + ", "log_policy = numerics.log_softmax("),
        ("rows.min(-1)", "rows.max(-1)"),
        ("log_ref_follower(i) - rows / tau_follower", "log_ref_follower(i) + rows / tau_follower"),
        ("np.expm1(-rows / tau_follower)", "np.expm1(rows / tau_follower)"),
        ("np.argsort(-wins.sum(-1)", "np.argsort(wins.sum(-1)"),
        ("inside = rank <= size", "inside = rank < size"),
        ("ordered, True)", "wins, True)"),
        ("game.P > 0.5 + TIE_TOL", "game.P >= 0.5"),
        ("== game.n - 1", ">= game.n - 2"),
        ("0.5 * (tied.sum(-1) - 1)", "0.5 * tied.sum(-1)"),
        ("(game.P.sum(-1) - 0.5)", "(game.P.sum(-2) - 0.5)"),
        ("wins[..., j, :] & no_worse", "wins[..., :, j] & no_worse"),
        ("sum((-1, -2)) / 3", "sum((-1, -2)) / 6"),
        ("scores[..., :, None] - scores", "scores[..., :, None] + scores"),
    ],
}  # fmt: skip
CASES = [(module, old, new) for module, swaps in MUTANTS.items() for old, new in swaps]


def subject(module: ModuleType, name: str, patch: pytest.MonkeyPatch) -> Any:
    """What the battery of ``name`` is given: a solver class, or the module of measures."""
    short = name.rpartition(".")[2]
    if name == "games.measures":
        return module
    if short in {"regularized_nash", "maximal_lottery"}:
        patch.setattr(nlhf_exact, short, getattr(module, short))
        return nlhf_exact.NlhfExact
    return getattr(module, "".join(map(str.capitalize, short.split("_"))))


@pytest.mark.parametrize("name", BATTERIES)
def test_the_battery_passes_on_the_source(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BATTERIES[name](subject(importlib.import_module(name), name, monkeypatch))


@pytest.mark.parametrize(("name", "old", "new"), CASES)
def test_the_battery_notices(
    name: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = planted(name, old, new)
    with pytest.raises(NOTICED):
        BATTERIES[name](subject(mutant, name, monkeypatch))
