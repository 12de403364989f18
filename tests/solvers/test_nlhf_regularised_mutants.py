"""A wrong sign, opponent or reference in a regularised NLHF method fails its step by hand."""

import pytest

from solvers.comal import Comal
from solvers.egpo import Egpo
from solvers.inpo import Inpo
from solvers.mnpo import Mnpo
from solvers.mpo import Mpo
from solvers.nash_ema import NashEma
from solvers.nash_md import NashMd
from solvers.nash_md_pg import NashMdPg
from solvers.nash_rs import NashRs
from solvers.online_ipo_1 import OnlineIpo1
from solvers.online_ipo_2 import OnlineIpo2
from tests.mutants import Mutant, assert_noticed
from tests.solvers.test_nlhf_regularised import CHECKS

MUTANTS = [Mutant(*planted) for planted in (
    (OnlineIpo1, "game.log_ref + eta * rates", "game.log_ref - eta * rates"),
    (OnlineIpo1, "+ eta * tau * game.log_ref", ""),
    (OnlineIpo1, "(1 - eta * tau) * theta", "theta"),
    (OnlineIpo1, "return self.policy(state)", "return game.ref"),
    (OnlineIpo2, "slope = 4 * pi * (", "slope = 4 * ("),
    (OnlineIpo2, "- 0.5) / self.tau", "- 0.5)"),
    (OnlineIpo2, "h = log_pi - game.log_ref", "h = log_pi"),
    (OnlineIpo2, "return np.asarray(state - ", "return np.asarray(state + "),
    (
        NashMdPg,
        "(1 - self.mixture) * log_pi + self.mixture",
        "self.mixture * log_pi + (1 - self.mixture)",
    ),
    (NashMdPg, "(log_pi - game.log_ref)", "(log_pi - mix)"),
    (Inpo, "(won - lost)", "(won + lost)"),
    (Inpo, "- won - lost", "- won"),
    (Inpo, "eta / 2 *", "eta *"),
    (OnlineIpo2, "- 1 / (2 * self.tau))", "- 1 / self.tau)"),
    (OnlineIpo2, "error.sum(-1) - error.sum(-2)", "error.sum(-2) - error.sum(-1)"),
    (OnlineIpo2, "first + np.swapaxes(drawn - first, -1, -2)", "first + (drawn - first)",
     "solvers.sampling"),
    (NashMdPg, "given = drawn / self.samples", "given = pi"),
    (Inpo, "fit = eta * game.win_rates(pi)", "fit = eta * game.win_rates(game.ref)"),
    (NashMdPg, "won = pi, pi * rates", "won = pi, rates"),
    (NashMdPg, "reward - pi * reward", "reward - reward"),
    (NashEma, "opponent = np.exp(numerics.log_softmax(mean))", "opponent = self.policy(state)"),
    (NashEma, "(1 - self.rate) * mean + self.rate", "self.rate * mean + (1 - self.rate)"),
    (NashEma, "+ eta * tau * game.log_ref", ""),
    (Egpo, "moved(self.policy(moved(self.policy(state))))", "moved(self.policy(state))"),
    (Egpo, "moved(self.policy(state))))", "moved(game.ref)))"),
    (Egpo, "(game.log_ref - state)", "-state"),
    (Egpo, "pull + estimated", "pull - estimated"),
    (Egpo, "game.n * nu *", "nu *"),
    (Egpo, "game.ref if self.pairs", "opponent if self.pairs"),
    (Egpo, "else opponent\n", "else self.policy(state)\n"),
    (Egpo, "numerics.expectation(nu, gain)[..., None]", "gain.mean(-1)[..., None]"),
    (Mpo, "/ (1 + pull)", ""),
    (Mpo, "pull * magnet", "pull * game.log_ref"),
    (Mpo, "(t + 1) % self.reset_every", "t % self.reset_every"),
    (Mpo, "+ eta * rates", "- eta * rates"),
    (Comal, "log_pi, self.tau", "np.log(game.ref.reshape(-1, n)), self.tau"),
    (Comal, "regularized_nash(P, ", "regularized_nash(1 - P, "),
    (Comal, "log_pi, self.tau", "log_pi, 2 * self.tau"),
    (Mnpo, "descend(game, logits,", "descend(game, state[0],"),
    (Mnpo, "return newest, *state[:-1]", "return newest, *state[1:]"),
    (Mnpo, "self.decay ** np.arange(self.history)", "self.decay ** -np.arange(self.history)"),
    (Mnpo, "+ eta * tau * game.log_ref", ""),
    (NashRs, "(game, self.policy(state), self.tau)", "(game, 1 - self.policy(state), self.tau)"),
    (NashRs, "measures.best_response(game, self.policy(state), self.tau)", "self.policy(state)"),
    (NashRs, "+ eta * rates", "- eta * rates"),
    (NashMd, "log_mix + eta * rates", "theta + eta * rates"),
    (
        NashMd,
        "rates = estimated_win_rates(game, np.exp(log_mix),",
        "rates = estimated_win_rates(game, self.policy(state),",
    ),
    (NashMd, "(t + 2))\n        log_mix", "(t + 1))\n        log_mix"),
    (NashMd, "+ eta * rates", "- eta * rates"),
)]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_golden_step_notices(mutant: Mutant) -> None:
    assert_noticed(mutant, CHECKS[mutant.subject])
