"""Who beats whom: every policy against every other, at the same strength.

Expected (derived): at tau = 0 nothing beats NLHF, and a follower that sees the answer beats every
policy but a Condorcet winner. Munos et al. 2023 (arXiv:2312.00886, Tables 1 and 2) play Nash-MD
with mixtures 0 to 1, self-play, the best response and Nash-EMA against RLHF with language models.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from games import PreferenceGame, measures, numerics
from games.game import Float
from solvers import Certificate, Solution, Solver
from solvers.nlhf_exact import NlhfExact
from solvers.rlhf_exact import RlhfExact
from solvers.slhf_exact import SlhfExact
from solvers.solver import Concept, ExactSolver, Reasons
from tabular.experiment import Experiment, Measurement, RngFor, each
from tabular.matching import MatchedKl

MIXTURES = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Of the opponents nash_md_pg; at mixture 0 (self-play) it ends at NLHF, as Nash-EMA does."""


@dataclass(frozen=True)
class NashMdPgLimit(ExactSolver):
    """pi proportional to m^(1 / (1 - mixture)) ref^(-mixture / (1 - mixture)): where it ends.

    m is NLHF at tau / (1 - mixture); for tau > 0 pi is the best response to it at tau, which is
    also the limit as tau -> 0. Mixture 1: the best response to ``ref``.
    """

    tau: float = 0.1
    mixture: float = 0.125
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Munos et al. 2023, arXiv:2312.00886"

    def compute(self, game: PreferenceGame) -> Solution:
        """The fixed point of ``nash_md_pg`` for every context."""
        if self.mixture == 1:
            reply = measures.best_response(game, game.ref, self.tau)
            closed_form = Certificate("closed form", np.zeros(game.batch), 0.0)
            return Solution(numerics.log(reply), closed_form)
        opponent = NlhfExact(self.tau / (1 - self.mixture)).solve(game)
        tilted = opponent.log_policy - self.mixture * game.log_ref
        log_policy = numerics.log_softmax(tilted / (1 - self.mixture))
        return replace(opponent, log_policy=log_policy)


@dataclass(frozen=True)
class RoundRobin(Experiment):
    """Win rates of a method, and of its follower, against each policy of a panel.

    The panel: the reference, RLHF, NLHF, the SLHF leader, its revision (the follower's reply to
    the leader's answer) and the fixed points of Nash-MD-PG for several mixtures, all at the
    method's strength. A method with a known limit (``Solver.target``) plays that limit. Label
    ``role``: "answer"; of a follower "revision", which replies to its leader, and "reply", which
    replies to the opponent's answer.
    """

    def measure(
        self, game: PreferenceGame, solver: Solver, rng_for: RngFor
    ) -> Iterator[Measurement]:
        """Yield one win rate a role and opponent."""
        solution = solver.target(game) or solver.solve(game, rng_for("solver"))
        players = {"answer": solution.policy}
        if solution.follower is not None:
            players["revision"] = _revised(solution.policy, solution.follower)
        for opponent, (policy, reason) in panel(game, solver).items():
            rates = {role: measures.win_rate(game, p, policy) for role, p in players.items()}
            if solution.follower is not None:
                rates["reply"] = (policy * (solution.follower * _lost(game)).sum(-1)).sum(-1)
            for role, rate in rates.items():
                labels = {"role": role, "opponent": opponent}
                yield from each("win_rate", rate, game, solution, reason, **labels)


def panel(game: PreferenceGame, solver: Solver) -> dict[str, tuple[Float, Reasons]]:
    """Opponent -> its policy (..., n) and why it does not exist (...), at the solver's strength."""
    members = {
        "rlhf": solver.counterpart(RlhfExact),
        "nlhf": solver.counterpart(NlhfExact),
        **{f"nash_md_pg {m:g}": _with_mixture(solver, m) for m in MIXTURES},
    }
    leader = solver.counterpart(SlhfExact).solve(game)
    solutions = {name: member.solve(game) for name, member in members.items()}
    return {
        "reference": (game.ref, np.full(game.batch, "")),
        **{name: (answer.policy, answer.message) for name, answer in solutions.items()},
        "slhf": (leader.policy, leader.message),
        "slhf revision": (_revised(leader.policy, leader.follower), leader.message),
    }


def _with_mixture(solver: Solver, mixture: float) -> Solver:
    member = solver.counterpart(NashMdPgLimit)
    if isinstance(member, MatchedKl):
        return replace(member, params={**member.params, "mixture": mixture})
    assert isinstance(member, NashMdPgLimit)  # counterpart makes one of that class
    return replace(member, mixture=mixture)


def _revised(policy: Float, follower: Float | None) -> Float:
    """The reply to a draw from ``policy``, as a policy (..., n); NaN where there is no follower."""
    if follower is None:
        return np.full_like(policy, np.nan)
    return np.asarray((policy[..., :, None] * follower).sum(-2))


def _lost(game: PreferenceGame) -> Float:
    """[..., i, j]: probability that j is preferred to i."""
    return np.swapaxes(game.P, -1, -2)
