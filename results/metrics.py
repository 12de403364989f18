"""Every metric, defined once: its formula, its range, its unit and which direction is better."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """What a metric means.

    Attributes
    ----------
    formula : str
        Formula or definition. P is the true game, pi the policy, omega its follower, mu the
        reference.
    low, high : float
        Range, including both ends.
    unit : str
        "probability", "nats", "payoff", "seconds", ... or "" for counts.
    better : "lower", "higher" or ""
        "" if neither is better.
    synonyms : str
        The standard terms, if this name differs from them or several are in use.
    """

    formula: str
    low: float = 0.0
    high: float = 1.0
    unit: str = "probability"
    better: Literal["lower", "higher", ""] = ""
    synonyms: str = ""


_INF = math.inf

METRICS: dict[str, Metric] = {
    # the answer
    "probability": Metric("pi(action)", synonyms="policy"),
    "follower_probability": Metric("omega(reply | action)", synonyms="policy of the follower"),
    "kl_to_ref": Metric(
        "KL(pi | mu)", 0, _INF, "nats", synonyms="KL penalty, reverse KL to the reference"
    ),
    "tau": Metric(
        "KL weight used; where the KL is matched, the weight found",
        0,
        _INF,
        "payoff",
    ),
    "residual": Metric("certificate: largest violation of the optimality condition", 0, _INF, ""),
    "step_residual": Metric(
        "of an iterative solver: by default the largest change of a probability in its last step",
        0,
        _INF,
        "",
    ),
    "seconds": Metric(
        "wall time of one solve, or of the steps so far", 0, _INF, "seconds", "lower"
    ),
    # quality on the true game
    "duality_gap": Metric(
        "2 max_i (P pi)_i - 1",
        -1e-9,
        1,
        "payoff",
        "lower",
        synonyms="NashConv = 2 x exploitability",
    ),
    "worst_win_rate": Metric(
        "min_j P(pi > j) = (1 - duality_gap) / 2",
        high=0.5,
        better="higher",
        synonyms="maximin win rate, security level; 1/2 - exploitability",
    ),
    "win_rate_over_ref": Metric(
        "P(pi > mu) = sum_ij pi(i) P[i,j] mu(j)",
        better="higher",
        synonyms="win rate against the reference policy",
    ),
    "regret": Metric(
        "loss in the concept's own objective on the true game: rlhf under the full-data reward; "
        "nlhf half the regularised gap; slhf game value minus the leader's value",
        -1e-9,
        _INF,
        "payoff",
        "lower",
        synonyms="suboptimality; for nlhf the regularised exploitability",
    ),
    "objective": Metric(
        "what the concept maximises, on the true game: rlhf E r - tau KL(pi | mu), r the full-data "
        "reward in log-odds; nlhf min_pi' P(pi > pi') - tau KL(pi | mu) + tau KL(pi' | mu); slhf "
        "E V - tau_leader KL(pi | mu); comparable within one concept only",
        -_INF,
        _INF,
        "payoff",
        "higher",
        synonyms="value of the regularised objective; its best value is objective + regret",
    ),
    "leader_value": Metric(
        "sum_y pi(y) min_y' P[y, y']",
        high=0.5,
        better="higher",
        synonyms="leader's Stackelberg payoff, against a best response to each answer",
    ),
    # consistency
    "entropy": Metric("-sum pi log pi", 0, _INF, "nats", synonyms="Shannon entropy"),
    "self_agreement": Metric(
        "P(y = y') for two independent draws = sum pi^2",
        better="higher",
        synonyms="collision probability, self-consistency",
    ),
    "condorcet_mass": Metric(
        "pi(Condorcet winner), if there is one",
        better="higher",
        synonyms="Condorcet consistency",
    ),
    "condorcet_loser_mass": Metric(
        "pi(Condorcet loser: P[i, loser] > 1/2 for all others i), if there is one",
        better="lower",
        synonyms="violation of the Condorcet loser criterion",
    ),
    "smith_size": Metric(
        "number of answers in the Smith set; 1 if there is a Condorcet winner",
        1,
        _INF,
        "",
        synonyms="size of the top cycle",
    ),
    "smith_mass": Metric("pi(Smith set)", better="higher", synonyms="Smith consistency"),
    "copeland_mass": Metric(
        "pi(answers of highest Copeland score)",
        better="higher",
        synonyms="Copeland consistency",
    ),
    "dominated_mass": Metric(
        "pi(i with some j: P[j,i] > 1/2 and P[j,k] >= P[i,k] for all k)",
        better="lower",
        synonyms="mass on dominated answers, violation of Pareto efficiency",
    ),
    "clone_shift": Metric(
        "total variation between pi and the answer with `action` cloned, clones summed",
        better="lower",
        synonyms="violation of independence of clones",
    ),
    "near_clone_shift": Metric(
        "the same with `action` replaced by three answers that each have its win rates against the "
        "rest and beat each other in a circle with probability .95",
        better="lower",
        synonyms="violation of composition consistency",
    ),
    "ref_shift": Metric(
        "total variation between pi and the answer, at the same KL or tau, with the log-odds of "
        "`action` in the references raised by `log_odds`",
        synonyms="sensitivity to the reference policy",
    ),
    "type_utility": Metric(
        "sum_y pi(y) u_k(y), with the utility of user type k scaled to [0, 1]",
        better="higher",
        synonyms="expected utility of a group",
    ),
    "minority_utility": Metric(
        "least type_utility over the user types",
        better="higher",
        synonyms="egalitarian (Rawlsian, max-min) welfare",
    ),
    # data sensitivity, robustness
    "shift": Metric(
        "total variation between the answers with and without the change",
        synonyms="total variation distance, half the L1 distance",
    ),
    "imputation_shift": Metric(
        "total variation between the answers when pairs never compared are what the preference "
        "model says and when they are the truth, all other pairs as estimated",
        better="lower",
        synonyms="effect of imputation, of extrapolation to missing pairs",
    ),
    "agreement": Metric(
        "1 - total variation between the answers learnt from two independent data sets of the same "
        "size from the same truth",
        better="higher",
        synonyms="reproducibility, overlap of the two policies; 1 - churn",
    ),
    "largest_shift": Metric("largest total variation between neighbours on the path"),
    "cyclic_share": Metric(
        "|cyclic part of P - 1/2|^2 / |P - 1/2|^2, uniform weights",
        synonyms="intransitivity, share of the cyclic part of the Hodge decomposition",
    ),
    "unseen_share": Metric("share of pairs never compared", synonyms="missing pairs"),
    # influence
    "pair_influence": Metric(
        "sum_k |d pi_k| per unit of dP_ij = -dP_ji",
        0,
        _INF,
        "",
        synonyms="l1 norm of a column of the Jacobian, influence function",
    ),
    "condition_number": Metric(
        "max_ij pair_influence / sqrt(n_ij), with n_ij the comparisons of a pair over their mean",
        0,
        _INF,
        "",
        synonyms="induced l1 norm of the Jacobian, absolute condition number",
    ),
    "smallest_flip": Metric(
        "fewest reversed labels found that change the likeliest answer, verified by solving",
        0,
        _INF,
        "",
        "higher",
        synonyms="adversarial robustness, margin of victory",
    ),
    "smallest_flip_at_least": Metric(
        "no smaller number of reversed labels changes the likeliest answer", 0, _INF, "", "higher"
    ),
    # over-optimisation
    "proxy_score": Metric(
        "the concept's own objective at tau = 0, on the game fitted to comparisons: rlhf "
        "E_pi r - E_mu r; nlhf min_j P(pi > j); slhf sum_y pi(y) min_y' P[y, y']",
        -_INF,
        _INF,
        "payoff",
        synonyms="proxy reward",
    ),
    "true_score": Metric(
        "proxy_score of the same policy, with the true game for the fitted one",
        -_INF,
        _INF,
        "payoff",
        "higher",
        synonyms="gold reward",
    ),
    "score_gap": Metric(
        "proxy_score - true_score",
        -_INF,
        _INF,
        "payoff",
        synonyms="over-optimisation, reward hacking, Goodhart's law",
    ),
    "proxy_win_rate": Metric(
        "win_rate_over_ref on the game fitted to comparisons", synonyms="win rate by the proxy"
    ),
    # refinement
    "seen_favourite": Metric(
        "probability that the user has seen its favourite after n_answers",
        better="higher",
        synonyms="pass@N, coverage",
    ),
    "best_utility": Metric(
        "expected largest utility of n_answers, each type scaled to [0, 1]",
        better="higher",
        synonyms="utility of best of N, chosen by the user",
    ),
    "refinement_win_rate": Metric(
        "sum_y leader(y) sum_y' omega(y'|y) P[y', y]: is the revision preferred",
        better="higher",
        synonyms="win rate of the revision",
    ),
    # incentives, round robin, frequency
    "misreport_gain": Metric(
        "max over rankings of the type's true utility (on [0, 1]) of the answer to that report, "
        "minus that of the answer to the truth",
        better="lower",
        synonyms="incentive to misreport, violation of strategy-proofness",
    ),
    "unanswered_share": Metric("share of misreports to which the method has no answer"),
    "win_rate": Metric(
        "sum_ij pi(i) P[i,j] opponent(j); a follower with role reply sees the opponent's answer",
        better="higher",
    ),
    "no_condorcet_winner": Metric(
        "1 if no answer beats every other", synonyms="cycle at the top (or a tie)"
    ),
    "condorcet_loser_exists": Metric("1 if an answer loses to every other one"),
    "mixed_equilibrium": Metric(
        "1 if every answer is beaten by another one, so that no pure policy is an equilibrium at "
        "tau = 0",
    ),
    # calibration
    "rejection_rate": Metric(
        "share of data sets in which the Bradley-Terry model is rejected at 5 %",
        synonyms="size, where the model is true; power, where it is not",
    ),
    "p_value": Metric(
        "share of samples from fitted rewards, or of random signs, whose statistic is as large"
    ),
    "cycle_rate": Metric("share of data sets in which some three-cycle is established at 5 %"),
    "interval_coverage": Metric(
        "share of answers whose 95 % interval holds the probability of the answer on the true game",
    ),
    "set_coverage": Metric(
        "share of data sets in which the answers that are not excluded hold the true answer",
    ),
    "set_size": Metric(
        "number of answers that are not excluded", 1.0, _INF, unit="", better="lower"
    ),
    # convergence, stability, fixed points
    "regularised_gap": Metric(
        "2 tau KL(pi | best response to pi), at the solver's tau",
        -1e-9,
        _INF,
        "payoff",
        "lower",
        synonyms="regularised NashConv = 2 x regularised exploitability",
    ),
    "kl_to_target": Metric(
        "KL(target | pi) at a step", 0, _INF, "nats", "lower", synonyms="forward KL"
    ),
    "tv_to_target": Metric(
        "total variation between pi and the target",
        better="lower",
        synonyms="total variation distance",
    ),
    "row_tv": Metric(
        "total variation between omega(. | action) and its closed form", better="lower"
    ),
    "follower_tv": Metric(
        "sum_y target leader(y) total variation between omega(. | y) and its closed form",
        better="lower",
    ),
    # language models
    "off_list_mass": Metric(
        "probability that the model says none of the answers",
        better="lower",
        synonyms="invalid mass",
    ),
    "follower_off_list_mass": Metric(
        "the same for the follower, averaged over the answers it replies to",
        better="lower",
        synonyms="invalid mass of the follower",
    ),
    "optimizer_steps": Metric("steps of the optimiser so far", 0, _INF, ""),
    "generated_tokens": Metric("tokens generated so far", 0, _INF, ""),
    "judge_calls": Metric("pairs or answers that the judge has evaluated so far", 0, _INF, ""),
    "abstained": Metric("judge calls without a verdict so far", 0, _INF, ""),
    "forward_tokens": Metric(
        "tokens in forward passes of models so far, as if every row were processed by itself",
        0,
        _INF,
        "",
    ),
    "backward_tokens": Metric("tokens in backward passes so far", 0, _INF, ""),
    "held_out_accuracy": Metric(
        "share of held-out comparisons whose winner the fitted model prefers", better="higher"
    ),
    "held_out_log_loss": Metric(
        "mean of -log P(winner preferred) on held-out comparisons",
        0,
        _INF,
        "nats",
        "lower",
        synonyms="cross-entropy, negative log-likelihood a comparison",
    ),
    "calibration_error": Metric(
        "mean |share won - P| in ten bins of the fitted P, on held-out comparisons",
        better="lower",
        synonyms="expected calibration error (ECE)",
    ),
    "newton_steps": Metric(
        "linear systems that Newton's method solved",
        0,
        _INF,
        "",
        synonyms="Newton iterations",
    ),
    "oracle_calls": Metric(
        "evaluations of the win rates of a policy up to a step",
        0,
        _INF,
        "",
        synonyms="first-order oracle complexity",
    ),
    "rounds": Metric("number of timed rounds of a benchmark", 1, _INF, ""),
    "steps": Metric("steps of an iterative solver until it finished, in a benchmark", 0, _INF, ""),
    "microseconds_a_game_step": Metric(
        "time of one step over the games in the batch", 0, _INF, "microseconds", "lower"
    ),
    "peak_gib": Metric("largest memory of the process", 0, _INF, "GiB", "lower"),
    "omega": Metric("spectral radius of (P - 1/2)(diag pi - pi pi^T)", 0, 0.5, "payoff"),
    "step_limit": Metric(
        "step size eta below which the fixed point is stable",
        0,
        _INF,
        "",
        synonyms="critical step size",
    ),
    "tv_to_nash": Metric(
        "total variation between pi and the regularised equilibrium",
        synonyms="total variation distance to the quantal response equilibrium",
    ),
}
