"""The three games with published numbers, and how near a policy is to one of those."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from games import PreferenceGame, numerics
from games.game import Float

GOLDEN = json.loads((Path(__file__).parent / "golden" / "algorithms_golden.json").read_text())
NAMES = tuple(GOLDEN)
SETTINGS = [(name, tau) for name in NAMES for tau in (0.1, 0.02)]


@cache
def golden_game(name: str, pairs: str = "uniform") -> PreferenceGame:
    """The game; with pairs "mu" its answers are compared as often as the reference gives both."""
    ref = np.array(GOLDEN[name]["mu"])
    return PreferenceGame(
        GOLDEN[name]["P"], ref, pairs=np.outer(ref, ref) if pairs == "mu" else None
    )


def golden(name: str, tau: float) -> dict[str, Any]:
    """Its numbers at one of the two tau."""
    return dict(GOLDEN[name][f"tau={tau:g}"])


def tv(a: Any, b: Any) -> float:
    """The largest total variation, over contexts or rows."""
    return float(np.max(numerics.total_variation(np.asarray(a), np.asarray(b))))


def kl(p: Any, q: Any) -> float:
    """KL(p | q) in nats."""
    return float(numerics.kl(numerics.log(np.asarray(p)), numerics.log(np.asarray(q))))


def close(actual: Any, expected: Any, atol: float = 1e-12) -> None:
    """Assert that no entry is further off."""
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=0, atol=atol)


def normalised(weights: Any) -> Float:
    """Divided by their sum along the last axis."""
    return np.asarray(np.asarray(weights) / np.sum(weights, axis=-1, keepdims=True))
