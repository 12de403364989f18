"""Rows of every layout that is read: of four comparisons a has one win and a tie with b."""

from collections.abc import Sequence
from typing import Any

EXAMPLES: dict[str, Sequence[dict[str, Any]]] = {
    "two sides": [
        {"left": one, "right": two, "winner": who}
        for one, two, who in (
            ("a", "b", "left"),
            ("a", "b", "right"),
            ("b", "a", "LEFT"),
            ("a", "b", "tie"),
        )
    ],
    "Kaggle's LMSYS": [
        {
            "id": k,
            "model_a": one,
            "model_b": two,
            "prompt": '["Hi"]',
            "response_a": f"[{k}]",
            "response_b": f"[{-k}]",
            "winner_model_a": int(who == "1"),
            "winner_model_b": int(who == "2"),
            "winner_tie": int(who == "t"),
        }
        for k, (one, two, who) in enumerate(
            (("a", "b", "1"), ("a", "b", "2"), ("b", "a", "1"), ("a", "b", "t"))
        )
    ],
    "arenas, MT-Bench": [
        {"question_id": 81, "model_a": one, "model_b": two, "winner": who, "judge": "expert"}
        for one, two, who in (
            ("a", "b", "model_a"),
            ("a", "b", "b"),
            ("b", "a", "Model_A"),
            ("a", "b", "tie (inconsistent)"),
        )
    ],
    "two responses": [
        {"response_a": one, "response_b": two, "winner": who}
        for one, two, who in (("a", "b", "response_a"), ("a", "b", "b"), ("b", "a", "b"))
    ]
    + [{"response_a": "a", "response_b": "b", "winner": "draw"}],
    "soft labels": [
        {"left": one, "right": two, "prob": who}
        for one, two, who in (("a", "b", 0.7), ("a", "b", 0.3), ("b", "a", 0.75), ("a", "b", 0.25))
    ],
    "ratings of models": [
        {"question": f"Say {k}", "model": model, "score": rating}
        for k, ratings in enumerate(((4, 1), (0, 1), (2, 4.5), (3, 3)))
        for model, rating in zip("ab", ratings, strict=True)
    ],
    "two models": [
        {"model_1": one, "model_2": two, "preference": who}
        for one, two, who in (("a", "b", 1), ("a", "b", 2), ("b", "a", 1), ("a", "b", 1.5))
    ],
    "one_two_labels": [
        {"model_1": one, "model_2": two, "preference": who}
        for one, two, who in (
            ("a", "b", "model_1"),
            ("a", "b", "Model 2"),
            ("b", "a", "b"),
            ("a", "b", "tie"),
        )
    ],
    "AlpacaEval": [
        {
            "instruction": f"Say {k}",
            "output_1": f"yes {k}",
            "output_2": f"no {k}",
            "generator_1": one,
            "generator_2": two,
            "annotator": "judge",
            "preference": who,
        }
        for k, (one, two, who) in enumerate(
            (("a", "b", 1.0), ("a", "b", 2.0), ("b", "a", 1.0), ("a", "b", 1.5), ("a", "b", None))
        )
    ],
    "HelpSteer preferences": [
        {"prompt": "Hi", "response_1": one, "response_2": two, "preference_strength": who}
        for one, two, who in (("a", "b", -3), ("a", "b", 1), ("b", "a", -1), ("a", "b", 0))
    ],
    "SHP": [
        {"post_id": "x", "history": "Hi", "human_ref_A": one, "human_ref_B": two, "labels": who}
        for one, two, who in (("a", "b", 1), ("a", "b", 0), ("b", "a", 1), ("a", "b", 0.5))
    ],
    "HelpSteer, ratings": [
        {"prompt": prompt, "response": answer, "helpfulness": rating}
        for prompt, *ratings in (("p", 4, 1), ("q", 0, 1), ("r", 2, 4), ("s", 3, 3))
        for answer, rating in zip("ab", ratings, strict=True)
    ],
    "UltraFeedback": [
        {
            "source": "x",
            "instruction": f"Say {k}",
            "models": ["a", "b"],
            "completions": [
                {"model": model, "response": f"{model} says {k}", "overall_score": rating}
                for model, rating in zip("ab", ratings, strict=True)
            ],
        }
        for k, ratings in enumerate(((4, 1), (0, 1), (2, 4.5), (3, 3)))
    ],
    "TRL, UltraFeedback binarised, RewardBench": [
        {"prompt": "Hi", "chosen": chosen, "rejected": rejected, "prob": prob}
        for chosen, rejected, prob in (
            (["a"], ["b"], 1),
            (["b"], ["a"], 1),
            (["b"], ["a"], 1),
            (["a"], ["b"], 0.5),
        )
    ],
    "parts": [
        {
            side: [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": [{"type": "text", "text": answer}]},
            ]
            for side, answer in (("chosen", one), ("rejected", two))
        }
        | {"prob": prob}
        for one, two, prob in (("a", "b", 1), ("b", "a", 1), ("b", "a", 1), ("a", "b", 0.5))
    ],
}
