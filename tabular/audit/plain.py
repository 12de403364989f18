"""An audit as plain data, with fixed keys: what ``prefgames audit --json`` prints."""

import math
from typing import Any

import numpy as np

from tabular.audit.audit import Audit


def plain(found: Audit) -> dict[str, Any]:
    """Numbers in full, null where there is none; parts that were not reached are null."""
    votes, names = found.votes, list(found.votes.names)
    data = votes.comparisons()
    out: dict[str, Any] = {
        "read": {
            "answers": names,
            "comparisons": votes.weight.sum(),
            "ties": votes.weight[votes.share == 0.5].sum(),
            "pairs_never_compared": int(data.unseen.sum()) // 2,
            "clusters": {kind: len(np.unique(key)) for kind, key in votes.clusters.items()},
        },
        "bradley_terry": None,
        "cycles": None,
        "answers": None,
        "cost": None,
        "influence": None,
        "next_pairs": None,
        "verdict": None,
    }
    if found.reward is not None:
        tests = found.clustered
        p_values = [t.p_value for t in tests.values() if not math.isnan(t.p_value)]
        out["bradley_terry"] = {
            "p_value": max(p_values, default=np.nan) if tests else found.reward.p_value,
            "likelihood_ratio": {
                "statistic": found.reward.statistic,
                "df": found.reward.df,
                "p_value": found.reward.p_value,
                "message": found.reward.message,
            },
            "clustered": {
                kind: {
                    "statistic": t.statistic,
                    "clusters": t.clusters,
                    "p_value": t.p_value,
                    "message": t.message,
                }
                for kind, t in tests.items()
            },
            "held_out_log_loss": {h.estimator: h.loss for h in found.held_out},
        }
    if found.cycles is not None:
        cycles = found.cycles
        out["cycles"] = {
            "p_value": min((c.adjusted for c in cycles.found), default=1.0),
            "cyclic_share": cycles.observed.cyclic_share[0],
            "cyclic_share_p_value": cycles.share_p_value,
            "single_answer_gap": cycles.observed.single_gap[0],
            "single_answer_gap_p_value": cycles.gap_p_value,
            "condorcet_probability": cycles.bootstrap.condorcet,
            "condorcet_probability_of_rewards": cycles.null.condorcet,
            "found": [
                {
                    "answers": [names[k] for k in c.answers],
                    "p_value": c.p_value,
                    "adjusted": c.adjusted,
                }
                for c in cycles.found
            ],
        }
    if found.answers:
        out["answers"] = {
            concept: {
                a.strength: {
                    "policy": a.policy,
                    "low": a.low,
                    "high": a.high,
                    "set": [name for name, k in zip(names, a.answers, strict=True) if k],
                    "defined": a.defined,
                    "message": a.message,
                }
                for a in found.answers
                if a.concept == concept
            }
            for concept in dict.fromkeys(a.concept for a in found.answers)
        }
    if found.costs:
        out["cost"] = {
            concept: {
                c.strength: {"lower": c.lower, "upper": c.upper, "same_data": c.same_data}
                for c in found.costs
                if c.concept == concept
            }
            for concept in dict.fromkeys(c.concept for c in found.costs)
        }
    if found.rests_on:
        out["influence"] = {
            r.concept: {
                "fewest_flips": r.fewest_flips,
                "at_least": r.at_least,
                "flips": [[names[i], names[j], count] for i, j, count in r.flips],
                "left_out": [
                    {
                        "what": i.what,
                        "key": [names[k] for k in i.key] if isinstance(i.key, tuple) else i.key,
                        "shift": i.shift,
                        "comparisons": i.votes,
                    }
                    for i in r.left_out
                ],
            }
            for r in found.rests_on
        }
    if found.next_pairs is not None:
        value = found.next_pairs
        i, j = np.triu_indices(len(names), 1)
        order = np.argsort(-np.nan_to_num(value.answer[i, j]), kind="stable")
        out["next_pairs"] = [
            {
                "pair": [names[i[k]], names[j[k]]],
                "answer": value.answer[i[k], j[k]],
                "d_optimal": value.d_optimal[i[k], j[k]],
                "a_optimal": value.a_optimal[i[k], j[k]],
            }
            for k in order
        ]
    if found.verdict is not None:
        out["verdict"] = {
            "not_bradley_terry": found.verdict.not_bradley_terry,
            "cyclic": found.verdict.cyclic,
            "text": found.verdict.text,
        }
    return dict(_finite(out))


def _finite(value: Any) -> Any:
    """The value in plain types, with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
