"""SPO: self-play against a queue of recent samples from the policy.

Swamy et al., A Minimaximalist Approach to Reinforcement Learning from Human Feedback, ICML 2024,
arXiv:2401.04056.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from games import numerics
from games.game import PreferenceGame
from solvers.self_play_mwu import SelfPlayMwu
from solvers.solver import require


@dataclass(frozen=True)
class Spo(SelfPlayMwu):
    """log pi <- log pi + eta P q + const, with q the answers drawn from pi in the last steps.

    The reward of an answer is its mean win probability over the queue. With samples = 0 the queue
    holds the policies themselves, and with queue = 1 that is multiplicative weights. A longer queue
    is less noisy and older: as pi moves by about eta a step, the lag adds a gap of the order eta
    times queue to the bound of the average. The average approaches the maximal lotteries (the
    minimax winner) at O(1 / sqrt t) (as recalled, not re-derived); the last iterate does not.

    Attributes
    ----------
    eta : float in (0, 1000]
        Step size in payoff units.
    samples : int >= 0
        Answers drawn from the policy in each step; 0 for the policy itself.
    queue : int in [1, 10000]
        Number of last steps whose answers are in the queue.

    Raises
    ------
    SolverError
        If eta, samples or queue is out of range.
    """

    samples: int = 8
    queue: int = 8
    paper: ClassVar[str] = "Swamy et al. 2024, arXiv:2401.04056"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, queue=(1, 10_000))

    def init(self, game: PreferenceGame, rng: np.random.Generator) -> tuple[Any, ...]:
        """Log of the reference, the sum of no policies, and an empty queue."""
        return *super().init(game, rng), ()

    def step(
        self, game: PreferenceGame, state: tuple[Any, ...], rng: np.random.Generator
    ) -> tuple[Any, ...]:
        """Draw, enqueue, drop the oldest, and move by the win rates against the queue."""
        log_policy, total, queue = state
        drawn = np.exp(log_policy)
        if self.samples > 0:
            drawn = rng.multinomial(self.samples, drawn) / self.samples
        queue = (*queue, drawn)[-self.queue :]
        rates = game.win_rates(sum(queue) / len(queue))
        log_policy = numerics.log_softmax(log_policy + self.eta * rates)
        return log_policy, total + np.exp(log_policy), queue
