"""Does the same preference give the same answer, and is it the majority's?

Expected (Pasztor et al. 2025, arXiv:2512.16626, as reported in notes on the paper; derived for
these games): with small tau the SLHF leader is almost deterministic while the NLHF policy must mix
when no answer beats all others; NLHF and SLHF give a strict Condorcet winner, RLHF need not; NLHF
and SLHF ignore clones, RLHF does not (with uniform pairs, a clone is one more opponent).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from games import PreferenceGame, measures, numerics
from games.catalogue.clones import clones
from solvers import Solution, Solver
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.regret import regret

_MOST_LISTED = 64
_MOST_REPLIES = 12


@dataclass(frozen=True)
class Consistency(Experiment):
    """Entropy, self-agreement, mass on the majority's choices, change under cloned answers.

    Attributes
    ----------
    copies : int >= 2
        How many copies replace an answer, one answer at a time.
    most_cloned : int >= 0
        In games with more answers cloning is skipped, with a row that says so.
    """

    copies: int = 2
    most_cloned: int = 50

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield measures of the answer, its probabilities, then its change under clones."""
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
            "entropy": numerics.entropy(solution.log_policy),
            "self_agreement": (policy**2).sum(-1),
            "cyclic_share": measures.hodge_margins(game).cyclic_share,
            **_majority_mass(game, solution),
        }
        if solution.tau is not None:
            values["tau"] = solution.tau
        for metric, value in values.items():
            against = loss.message if metric == "regret" else ""
            yield from each(metric, value, game, solution, against)
        yield from _listing(game, solution)
        yield from self._clone_shifts(game, solver, solution, rng_for)

    def _clone_shifts(
        self, game: PreferenceGame, solver: Solver, solution: Solution, rng_for: RngFor
    ) -> Iterator[Measurement]:
        if game.n > self.most_cloned:
            reason = f"{game.n} answers, more than most_cloned = {self.most_cloned}"
            yield Measurement("clone_shift", np.nan, status="skipped", message=reason)
            return
        for action, name in enumerate(game.names):
            cloned = clones(game, action, self.copies)
            other = solver.solve(cloned, rng_for("solver"))
            # copies stand where the original stood
            families = np.repeat(
                np.arange(game.n), np.where(np.arange(game.n) == action, self.copies, 1)
            )
            merged = other.policy @ (families[:, None] == np.arange(game.n))
            shift = numerics.total_variation(merged, solution.policy)
            labels = {"action": name, "copies": self.copies}
            yield from each("clone_shift", shift, game, other, solution.message, **labels)


def _majority_mass(game: PreferenceGame, solution: Solution) -> dict[str, np.ndarray]:
    winner = measures.condorcet_winner(game)
    copeland = measures.copeland(game)
    masks = {
        "smith_mass": measures.smith_set(game),
        "copeland_mass": copeland == copeland.max(-1, keepdims=True),
        "dominated_mass": measures.dominated(game),
    }
    mass = {name: (solution.policy * mask).sum(-1) for name, mask in masks.items()}
    defined = np.where(winner.any(-1), 1.0, np.nan)
    return {**mass, "condorcet_mass": defined * (solution.policy * winner).sum(-1)}


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
