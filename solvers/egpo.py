"""EGPO: extragradient preference optimisation, an extrapolation before every mirror-descent step.

Zhou, Fazel and Du, Extragradient Preference Optimization (EGPO), 2025, arXiv:2503.08942; the same
update with another step size is Nash Mirror Prox, Tiapkin et al. 2025, arXiv:2505.19731.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from games import numerics
from games.errors import SolverError
from games.game import Float, PreferenceGame
from solvers.mirror_descent import MirrorDescent
from solvers.sampling import estimated_win_rates

Pairs = Literal["uniform", "reference", "policy"]


@dataclass(frozen=True)
class Egpo(MirrorDescent):
    """phi = theta + eta (P pi + pull); theta <- theta + eta (P softmax(phi) + pull).

    pull = tau (log ref - theta) is the same in both halves, because the second also starts from
    theta and not from phi. The step size need not shrink with tau: near the regularised equilibrium
    it is stable up to about 1 / omega >= 2 (omega as for online_ipo_1). Nash Mirror Prox takes
    proximal steps of size s in both halves, which is eta = s / (1 + s tau). Its choice s = 2 is the
    default, with which KL to the equilibrium falls at least by the factor 1 + 2 tau in each step,
    from any start. The condition in the EGPO paper, eta <= 1 / (tau + 3) for a factor 1 - eta tau
    in KL, is quoted as recalled; it is about ten times as strict as observed. A step looks up win
    rates twice, so compare methods at equal oracle calls.

    Each half is a gradient step on E (log-ratio difference of y, y' - [P(y > y'') - P(y' > y'')] /
    tau)^2 with y and y' ~ nu; a learning rate lr gives eta = 4 lr / (n tau), and the increment g
    above becomes n nu (g - nu . g). The trap is nu. The equilibrium is the fixed point for every nu
    with full support, but only a uniform nu gives a step of mirror descent: with pairs from the
    reference some games have no stable step size at all, and with pairs from the policy (which, as
    for y'', is that of phi in the second half) progress is slow where it is nearly pure. The
    published class defaults to the reference, and the script that trains with it to the policy.

    Attributes
    ----------
    tau : float > 0
        Weight of the KL penalty to ``ref``.
    eta : float in (0, 2 / tau], or None for 2 / (1 + 2 tau)
        Step size in payoff units.
    samples : int >= 0; 0 for exact win rates
        Sampled opponents with binary labels, for each answer and half step.
    pairs : "uniform", "reference" or "policy"
        Distribution nu of the two answers that are compared in each term of the loss.

    Raises
    ------
    SolverError
        If a parameter is out of range.
    """

    pairs: Pairs = "uniform"
    paper: ClassVar[str] = "Zhou et al. 2025, arXiv:2503.08942"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs not in get_args(Pairs):
            raise SolverError(
                f"Egpo: pairs is {self.pairs!r}, expected one of {', '.join(get_args(Pairs))}"
            )

    @property
    def default_step(self) -> float:
        """2 / (1 + 2 tau): the step of Nash Mirror Prox."""
        return 2 / (1 + 2 * self.tau)

    def step(self, game: PreferenceGame, state: Float, rng: np.random.Generator) -> Float:
        """The extrapolation, then the step with the win rates and pairs at that point."""
        pull = self.tau * (game.log_ref - state)

        def moved(opponent: Float) -> Float:
            gain = pull + estimated_win_rates(game, opponent, self.samples, rng)
            if self.pairs != "uniform":
                nu = game.ref if self.pairs == "reference" else opponent
                gain = game.n * nu * (gain - numerics.expectation(nu, gain)[..., None])
            return state + self.step_size * gain

        return moved(self.policy(moved(self.policy(state))))
