"""Over-optimisation: a curve averages one fixed set of games; fit and truth side by side."""

import math
from typing import Any

import pandas as pd
import pytest

from results.questions import over_optimisation
from tests.readable import drawn
from tests.recorded import framed, row

SECTION = over_optimisation.SECTION
METHODS = {"rlhf": 0.3, "nlhf": 0.2, "slhf": 0.1}


def frame(out_of_reach: tuple[str, float] = ("h", 0.3)) -> pd.DataFrame:
    """Two games at KL .01, .1 and .3 and at tau = 0; NLHF does not get to one level in one game.

    By the fit win rates grow with KL; in truth they grow in g and fall after .1 in h.
    """
    rows = []
    for game in ("g", "h"):
        for concept, gain in METHODS.items():
            for kl in (0.01, 0.1, 0.3, math.inf):
                params = {"kl": kl} if kl < math.inf else {"tau": 0.0}
                missing = concept == "nlhf" and (game, kl) == out_of_reach
                fit = 0.5 + gain * min(kl, 1.0)
                true = 0.5 + gain * min(kl, 1.0) / 2 - (0.2 if game == "h" and kl > 0.1 else 0)
                values = {
                    "proxy_score": fit, "true_score": true, "score_gap": fit - true,
                    "proxy_win_rate": fit, "win_rate_over_ref": true, "kl_to_ref": min(kl, 1.0),
                }  # fmt: skip
                rows += [
                    row(
                        metric,
                        math.nan if missing else value,
                        experiment="over_optimisation",
                        game=game,
                        solver=f"{concept}_exact",
                        params=params,
                        labels={"estimator": "bradley_terry", "n_comparisons": 1000},
                        status="undefined" if missing else "ok",
                        message="out of reach" if missing else "",
                        cell=f"{game}{concept}{kl}",
                    )
                    for metric, value in values.items()
                ]
    return framed(rows)


def test_a_curve_is_a_mean_over_games_that_every_method_reaches_at_every_level() -> None:
    (view,) = SECTION.contents(frame(out_of_reach=("h", 0.1))).views
    line: Any = view.tables["over_optimisation"].droplevel(["n", "ok"])
    at = line.loc[("bradley_terry, 1,000 comparisons", "KL = 0.3 nats")]
    assert at["win_rate_over_ref", "RLHF", "mean"] == pytest.approx(0.5 + 0.3 * 0.3 / 2)  # of g
    assert at["proxy_win_rate", "SLHF", "mean"] == pytest.approx(0.5 + 0.1 * 0.3)
    assert len(line) == 3  # tau = 0 is no point of a curve
    # KL = 0.3 is reached in one game of two only: a shorter curve, over both
    (shorter,) = SECTION.contents(frame(out_of_reach=("h", 0.3))).views
    line = shorter.tables["over_optimisation"].droplevel(["n", "ok"])
    assert list(line.index.get_level_values("comparison")) == ["KL = 0.01 nats", "KL = 0.1 nats"]
    at = line.loc[("bradley_terry, 1,000 comparisons", "KL = 0.1 nats")]
    assert at["win_rate_over_ref", "RLHF", "mean"] == pytest.approx(0.5 + 0.3 * 0.1 / 2)
    assert "(mean of 2 games that every method" in shorter.findings[0]
    (everywhere,) = SECTION.contents(frame(out_of_reach=("h", 7.0))).views
    both: Any = everywhere.tables["over_optimisation"].droplevel(["n", "ok"])
    at = both.loc[("bradley_terry, 1,000 comparisons", "KL = 0.3 nats")]
    assert at["win_rate_over_ref", "RLHF", "mean"] == pytest.approx(0.5 + 0.3 * 0.3 / 2 - 0.1)


def test_the_file_holds_every_level_and_tau_0() -> None:
    full: Any = SECTION.contents(frame()).tables["over_optimisation"].droplevel(["n", "ok"])
    assert len(full) == 2 * 4
    at_0 = full.loc[("h", "bradley_terry, 1,000 comparisons", "tau = 0")]
    assert at_0["score_gap", "NLHF", "mean"] == pytest.approx(0.2 / 2 + 0.2)


def test_sentences_say_the_set_and_where_more_is_worse() -> None:
    (view,) = SECTION.contents(frame(out_of_reach=("h", 7.0))).views
    rates, worse = view.findings
    assert rates == (
        "bradley_terry, 1,000 comparisons: at KL = 0.3 nats the win rate over the reference is "
        "RLHF 0.590 by the fit and 0.445 in truth, NLHF 0.560 by the fit and 0.430 in truth, "
        "SLHF 0.530 by the fit and 0.415 in truth (mean of 2 games that every method reaches from "
        "KL = 0.01 nats on)."
    )
    assert worse == (
        "bradley_terry, 1,000 comparisons: more KL lowers the true score with RLHF in 1 of 2 "
        "games, NLHF in 1 of 2 games, SLHF in 1 of 2 games."
    )


def test_without_a_game_that_all_reach_at_some_level_there_is_no_curve() -> None:
    rows = frame()
    rows = rows[rows["params"].str.contains("tau")]
    (view,) = SECTION.contents(rows).views
    assert view.findings == []
    assert view.tables["over_optimisation"].empty
    assert SECTION.figure is not None
    assert SECTION.figure(SECTION.rows(rows)) is None


def test_fit_and_truth_share_a_scale() -> None:
    fit, truth, gap = drawn(SECTION, frame(out_of_reach=("h", 7.0))).axes
    assert fit.get_ylim() == truth.get_ylim()
    assert fit.get_title() == "Bradley-Terry fit of 1,000 comparisons (2 games)"
    assert [label.get_text() for label in gap.get_xticklabels()] == [".01", ".1", ".3"]
    assert gap.get_xlabel() == "strength: KL (nats)"
