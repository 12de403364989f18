"""GPO on a general preference model: self-play on embedded scores instead of preferences.

Zhang et al., Beyond Bradley-Terry Models: A General Preference Model for Language Model Alignment,
ICML 2025, arXiv:2410.02197.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from games import measures, numerics
from games.comparisons import Comparisons
from games.errors import SolverError
from games.estimation.embeddings import log_odds, projected
from games.estimation.general import General
from games.game import Float, PreferenceGame
from games.ranges import require_whole
from solvers.iterative import IterativeSolver, State
from solvers.nlhf_exact import NlhfExact
from solvers.solver import Concept, Open, Reasons, Solution, require, solve_defined

Embedding = Literal["fitted", "projected"]


@dataclass(frozen=True)
class Gpo(IterativeSolver):
    """log pi <- log pi + eta S pi + const, with P = sigmoid(S) embedded in ``dimension`` numbers.

    S[i, j] = v_i' R v_j with R made of 2 x 2 rotations. The paper fits the embeddings v by maximum
    likelihood ("fitted": the estimator ``general`` on P itself, every pair weighing the same, from
    one start, the projection). "projected" cuts the skew table of log-odds to its dimension / 2
    largest pairs of imaginary eigenvalues (the real Schur form), which is nearest in least squares
    and not in likelihood. At full rank both are the log-odds; below it their equilibria may be far
    from each other (a total variation of 0.6 on some random games of 10 answers).

    The average of the iterates approaches an equilibrium of the score game S, which is not that of
    P: scores weigh a lopsided pair more. The last iterate does not converge. The residual is the
    largest score against the average. Undefined where some P is 0 or 1. Not to be confused with
    GPO = generalised preference optimisation (arXiv:2402.05749).

    Attributes
    ----------
    eta : float in (0, 1000]
        Step size per unit of log-odds.
    dimension : even int >= 0
        Numbers per answer in the embedding; 0 for the full rank. Where two pairs tie at the cut,
        which one stays (or where the fit starts) is arbitrary.
    embedding : "fitted" or "projected"
        How S is found where ``dimension`` is below the full rank.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    eta: float = 0.05
    dimension: int = 0
    embedding: Embedding = "fitted"
    concept: ClassVar[Concept] = "nlhf"
    paper: ClassVar[str] = "Zhang et al. 2024, arXiv:2410.02197"
    iterate: ClassVar[Literal["last", "average", "none"]] = "average"

    def __post_init__(self) -> None:
        require(self, eta=(Open(0), 1e3))
        require_whole(self, dimension=range(0, 2**31, 2))
        if self.embedding not in get_args(Embedding):
            choices = " or ".join(get_args(Embedding))
            raise SolverError(f"Gpo: embedding is {self.embedding!r}, expected {choices}")

    def undefined(self, game: PreferenceGame) -> Reasons:
        """Why log-odds are infinite: some preference is 0 or 1; "" where none is."""
        why = "some preference is certain, so its log-odds are infinite; smooth the preferences"
        return np.where(measures.certain(game), f"Gpo: {why}", "")

    def scores(self, game: PreferenceGame) -> Float:
        """The embedded score table S, shape (..., n, n), skew, of a game with 0 < P < 1."""
        fit, low_rank = game, 0 < self.dimension < game.n - 1
        if low_rank and self.embedding == "fitted":
            model = General(self.dimension, ridge=0.0, starts=1)
            fit = model.fit(Comparisons(game.P * (1 - np.eye(game.n))))
        odds = measures.log_odds(fit).astype(game.ref.dtype)
        if low_rank and self.embedding == "projected":
            return log_odds(projected(odds, self.dimension))
        return np.asarray(odds)

    def target(self, game: PreferenceGame) -> Solution:
        """An equilibrium of the score game, from a linear programme; it need not be unique."""
        return solve_defined(self._equilibrium, game, self.undefined(game))

    def _equilibrium(self, game: PreferenceGame) -> Solution:
        scores = self.scores(game)
        size = abs(scores).max((-1, -2), keepdims=True)
        skew = scores / np.where(size > 0, 2 * size, 1)
        return NlhfExact(0.0).solve(PreferenceGame(0.5 + skew, game.ref))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Float, ...]:
        """Log of the reference, the sum of no policies, and the score table."""
        return game.log_ref, np.zeros_like(game.log_ref), self.scores(game)

    def step(
        self, game: PreferenceGame, state: tuple[Any, ...], rng: np.random.Generator
    ) -> tuple[Float, ...]:
        """One step of multiplicative weights on the scores."""
        log_policy, total, scores = state
        gain = numerics.win_rates(scores, np.exp(log_policy))
        log_policy = numerics.log_softmax(log_policy + self.eta * gain)
        return log_policy, total + np.exp(log_policy), scores

    def policy(self, state: State) -> Float:
        """The last iterate; ``drive`` averages."""
        return np.asarray(np.exp(state[0]))

    def residual(self, game: PreferenceGame, before: State, after: State) -> Float:
        """Largest score against the average of the iterates."""
        mean = after[1] / after[1].sum(-1, keepdims=True)
        return np.asarray(numerics.win_rates(after[2], mean).max(-1))
