"""Does the same preference give the same answer, and is it the majority's?

Expected (Pasztor et al. 2025, arXiv:2512.16626, as reported in notes on the paper; derived for
these games): with small tau the SLHF leader is almost deterministic while the NLHF policy must mix
when no answer beats all others; NLHF and SLHF give a strict Condorcet winner, RLHF need not; NLHF
and SLHF ignore exact copies of an answer, RLHF does not (with uniform pairs, a copy is one more
opponent). That is true of exact copies only: SLHF at tau = 0 is the Simpson-Kramer rule, which is
not independent of clones (Tideman, Social Choice and Welfare 1987; recalled, not checked). Three
versions of an answer that beat each other in a circle, and do alike against the rest, move SLHF
away from all of them; NLHF keeps its probability for the three together. SLHF can also answer the
Condorcet loser. At equal KL to a uniform reference the entropy is log n - KL for every method.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers import Solution, Solver
from tabular.changed_games import NEAR_COPIES, cloned, merged, near_cloned, tilted
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.regret import regret

SOLVED_AGAIN = ("clone_shift", "near_clone_shift", "ref_shift")
"""The metrics that compare the answer with the answer to a changed game."""

_INSIDE = 0.95
_LOG_ODDS = 1.0
_MOST_LISTED = 64
_MOST_REPLIES = 12


@dataclass(frozen=True)
class Consistency(Experiment):
    """Entropy, the majority's choices, what user types get, change under clones and references.

    Changed games, one a changed answer and all solved together: the answer replaced by exact
    copies; by three near-copies that beat each other in a circle with probability .95; the answer
    with its log-odds in the reference raised by 1, at the same strength (KL or tau).

    Attributes
    ----------
    copies : int >= 2
        How many exact copies replace an answer.
    most_cloned : int >= 0
        In games with more answers no changed game is solved, with rows that say so.
    """

    copies: int = 2
    most_cloned: int = 50

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield measures of the answer, its probabilities, then its change in changed games."""
        began = time.perf_counter()
        solution = solver.solve(game, rng_for("solver"))
        seconds = time.perf_counter() - began
        policy, loss = solution.policy, regret(solver, game, solution)
        yield Measurement("seconds", seconds)

        residual = "residual" if solution.trace is None else "step_residual"
        values = {
            residual: solution.certificate.residual,
            "kl_to_ref": measures.kl_to_ref(game, policy),
            "duality_gap": measures.duality_gap(game, policy),
            "worst_win_rate": measures.worst_win_rate(game, policy),
            "win_rate_over_ref": (policy * game.win_rates(game.ref)).sum(-1),
            "leader_value": measures.leader_value(game, policy),
            "regret": loss(policy),
            "objective": loss.objective(policy),
            "entropy": numerics.entropy(solution.log_policy),
            "self_agreement": (policy**2).sum(-1),
            "cyclic_share": measures.hodge_margins(game).cyclic_share,
            "smith_size": measures.smith_set(game).sum(-1),
            **_majority_mass(game, solution),
        }
        if solution.tau is not None:
            values["tau"] = solution.tau
        for metric, value in values.items():
            against = loss.message if metric in ("regret", "objective") else ""
            yield from each(metric, value, game, solution, against)
        yield from _by_type(game, solution)
        yield from _listing(game, solution)
        yield from self._shifts(game, solver, solution, rng_for)

    def _shifts(
        self, game: PreferenceGame, solver: Solver, solution: Solution, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Total variation between the answer and that to each changed game, copies summed."""
        if game.n > self.most_cloned:
            reason = f"{game.n} answers, more than most_cloned = {self.most_cloned}"
            for metric in SOLVED_AGAIN:
                yield Measurement(metric, np.nan, status="skipped", message=reason)
            return
        changes: list[tuple[PreferenceGame, dict[str, float]]] = [
            (cloned(game, self.copies), {"copies": self.copies}),
            (near_cloned(game, _INSIDE), {"copies": NEAR_COPIES, "inside": _INSIDE}),
            (tilted(game, _LOG_ODDS), {"log_odds": _LOG_ODDS}),
        ]
        for metric, (changed, labels) in zip(SOLVED_AGAIN, changes, strict=True):
            others = solver.solve(changed, rng_for("solver"))
            shifts = numerics.total_variation(merged(others.policy, game.n), solution.policy)
            for k, action in enumerate(game.names):
                other = replace(others, status=others.status[k], message=others.message[k])
                against = solution.message
                yield from each(metric, shifts[k], game, other, against, action=action, **labels)


def _majority_mass(game: PreferenceGame, solution: Solution) -> dict[str, Float]:
    copeland = measures.copeland(game)
    masks = {
        "smith_mass": measures.smith_set(game),
        "copeland_mass": copeland == copeland.max(-1, keepdims=True),
        "dominated_mass": measures.dominated(game),
    }
    mass = {name: (solution.policy * mask).sum(-1) for name, mask in masks.items()}
    single = {
        "condorcet_mass": measures.condorcet_winner(game),
        "condorcet_loser_mass": measures.condorcet_loser(game),
    }
    for name, mask in single.items():  # where no answer is the one, there is no such mass
        exists = np.where(mask.any(-1), 1.0, np.nan)
        mass[name] = exists * (solution.policy * mask).sum(-1)
    return mass


def _by_type(game: PreferenceGame, solution: Solution) -> Iterator[Measurement]:
    """Expected utility of the answer for each user type, and for the type that gets least."""
    if game.population is None:
        return
    utility: Float = (solution.policy[..., None, :] * game.population.scaled).sum(-1)
    yield from each("minority_utility", utility.min(-1), game, solution)
    if utility.shape[-1] <= _MOST_LISTED:
        for k in range(utility.shape[-1]):
            yield from each("type_utility", utility[..., k], game, solution, type=k)


def _listing(game: PreferenceGame, solution: Solution) -> Iterator[Measurement]:
    """Every probability, in games with few enough answers to be read."""
    if game.n > _MOST_LISTED:
        return
    for i, name in enumerate(game.names):
        yield from each("probability", solution.policy[..., i], game, solution, action=name)
    if solution.follower is None or game.n > _MOST_REPLIES:
        return
    for i, name in enumerate(game.names):
        for j, reply in enumerate(game.names):
            value = solution.follower[..., i, j]
            labels = {"action": name, "reply": reply}
            yield from each("follower_probability", value, game, solution, **labels)
