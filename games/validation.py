"""Checks of the arguments of a game: shapes, ranges and sums; errors name the entry."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from games.errors import GameError

Float = NDArray[np.float64]

DENSE_LIMIT = 5_000
"""Most answers for which an n x n table is stored."""

SUM_TOL = 1e-9
"""Largest deviation from 1 of a sum of probabilities."""

TIE_TOL = 1e-9
"""Values within this of the optimum count as tied, everywhere."""


def frozen(what: str, values: ArrayLike) -> Float:
    """A read-only float64 copy; a GameError that names ``what`` if these are not numbers."""
    array = _numbers(what, values).astype(np.float64)
    array.setflags(write=False)
    return array


def _numbers(what: str, values: ArrayLike) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise GameError(f"{what} is ragged; give rows of equal length") from None
    if array.dtype.kind not in "fiub":
        raise GameError(f"{what} has entries of type {array.dtype}, expected real numbers")
    return array


def preference_table(values: ArrayLike) -> Float:
    """P in [0, 1] with P + P^T = 1, made exact; a GameError that names the entry."""
    raw = _numbers("PreferenceGame: P", values)
    if raw.ndim < 2 or raw.shape[-1] != raw.shape[-2] or raw.size == 0:
        raise GameError(f"PreferenceGame: P has shape {raw.shape}, expected square (..., n, n)")
    if raw.shape[-1] > DENSE_LIMIT:
        raise GameError(
            f"PreferenceGame: P has {raw.shape[-1]} answers, more than {DENSE_LIMIT}; "
            "use games.ScoreGame, which holds factors instead of a table"
        )
    small = raw.dtype.kind == "f" and raw.dtype.itemsize < 8
    tol = 8 * float(np.finfo(raw.dtype).eps) if small else 1e-9
    P = raw.astype(np.float64)
    if not np.isfinite(P).all():
        raise GameError(f"PreferenceGame: {_entry('P', P, ~np.isfinite(P))}, expected a number")
    wrong = (-tol > P) | (1 + tol < P)
    if wrong.any():
        raise GameError(f"PreferenceGame: {_entry('P', P, wrong)}, expected a probability")
    mirror = np.swapaxes(P, -1, -2)
    excess = P + mirror - 1
    if (abs(excess) > tol).any():
        at = np.unravel_index(int(np.argmax(abs(excess))), P.shape)
        where = ", ".join(map(str, at))
        back = ", ".join(map(str, (*at[:-2], at[-1], at[-2])))
        raise GameError(
            f"PreferenceGame: P[{where}] + P[{back}] is {excess[at] + 1:.10g}, expected 1; "
            "symmetrise with (P + 1 - P^T) / 2 if the difference is noise"
        )
    # The loser's probability keeps its digits; the winner's is its complement, so the float sum
    # of the two is exactly 1 and the diagonal exactly 1/2.
    loser = np.clip(np.minimum(P, mirror) - excess / 2, 0, 0.5)
    out = np.where(mirror > P, loser, 1 - loser)
    diagonal = np.arange(P.shape[-1])
    out[..., diagonal, diagonal] = 0.5
    return out


def _entry(what: str, values: Float, wrong: NDArray[np.bool_]) -> str:
    at = tuple(int(k) for k in np.argwhere(wrong)[0])
    return f"{what}[{', '.join(map(str, at))}] is {values[at]:.6g}"


def distribution(what: str, values: ArrayLike, shape: tuple[int, ...]) -> Float:
    """Positive probabilities along the last axis, broadcast to ``shape``, divided by their sum."""
    p = _numbers(f"PreferenceGame: {what}", values).astype(np.float64)
    if p.shape != shape:
        try:
            p = np.broadcast_to(p, shape)
        except ValueError:
            raise GameError(
                f"PreferenceGame: {what} has shape {p.shape}, expected {shape}"
            ) from None
    bad = ~(p > 0) | ~np.isfinite(p)
    if bad.any():
        raise GameError(
            f"PreferenceGame: {_entry(what, p, bad)}, expected > 0; an answer the reference "
            "never gives has no place in the game: drop it, or give it a small probability"
        )
    total = p.sum(-1, keepdims=True)
    if (abs(total - 1) > SUM_TOL).any():
        worst = total.ravel()[int(np.argmax(abs(total - 1)))]
        raise GameError(
            f"PreferenceGame: {what} sums to {worst:.10g}, expected 1; divide it by its sum"
        )
    # What sums to 1 up to rounding is kept, so that a stored reference comes back bit for bit.
    rounding = shape[-1] * np.finfo(np.float64).eps
    return frozen(what, np.where(abs(total - 1) <= rounding, p, p / total))


def pair_weights(values: ArrayLike, shape: tuple[int, ...]) -> Float:
    """Symmetric weights >= 0, broadcast to ``shape``, with a zero diagonal."""
    w = _numbers("PreferenceGame: pairs", values).astype(np.float64)
    if w.shape != shape:
        try:
            w = np.broadcast_to(w, shape)
        except ValueError:
            raise GameError(
                f"PreferenceGame: pairs has shape {w.shape}, expected {shape}"
            ) from None
    w = np.where(np.eye(shape[-1], dtype=bool), 0.0, w)
    bad = ~(w >= 0) | ~np.isfinite(w)
    if bad.any():
        raise GameError(f"PreferenceGame: {_entry('pairs', w, bad)}, expected a weight >= 0")
    mirror = np.swapaxes(w, -1, -2)
    skew = abs(w - mirror) > 1e-9 * np.maximum(w, mirror)
    if skew.any():
        raise GameError(
            f"PreferenceGame: {_entry('pairs', w, skew)}, its mirror image differs; "
            "a pair has one weight: use pairs + pairs^T"
        )
    if shape[-1] > 1 and not (w.sum((-1, -2)) > 0).all():
        raise GameError("PreferenceGame: pairs is zero everywhere; leave it out for uniform pairs")
    return frozen("pairs", (w + mirror) / 2)


def distinct_names(names: Any, n: int) -> tuple[str, ...]:
    """The names as a tuple; a GameError unless they are ``n`` distinct, non-blank strings."""
    listed = tuple(names)
    if len(listed) != n:
        raise GameError(f"PreferenceGame: {len(listed)} names for {n} answers")
    earlier: set[str] = set()
    for k, name in enumerate(listed):
        if not isinstance(name, str) or not name.strip():
            raise GameError(f"PreferenceGame: name {k} is {name!r}, expected non-blank text")
        if name in earlier:
            raise GameError(f"PreferenceGame: name {name!r} is given twice; names must differ")
        earlier.add(name)
    return tuple(map(str, listed))


def count(game: str, what: str, value: object, low: int, high: int = DENSE_LIMIT) -> int:
    """``value`` as an int; a GameError unless it is a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise GameError(f"{game}: {what} is {value!r}, expected a whole number")
    if not low <= value <= high:
        raise GameError(f"{game}: {what} is {value}, expected a whole number in [{low}, {high}]")
    return int(value)


def numbers(game: str, what: str, values: object, *shape: int | None) -> Float:
    """``values`` as finite floats of this shape; None stands for any length above 0."""
    wanted = f"an array of shape ({', '.join('any' if k is None else str(k) for k in shape)})"
    if not shape:
        wanted = "a number"
    try:
        array = np.asarray(values)
    except ValueError:
        raise GameError(f"{game}: {what} is ragged, expected {wanted}") from None
    if array.dtype.kind not in "fiu":
        raise GameError(f"{game}: {what} is {values!r}, expected {wanted}")
    fits = len(shape) == array.ndim and array.size > 0
    if not fits or any(k not in (None, got) for k, got in zip(shape, array.shape, strict=True)):
        raise GameError(f"{game}: {what} has shape {array.shape}, expected {wanted}")
    if not np.isfinite(array).all():
        raise GameError(f"{game}: {what} is {values!r}, expected finite numbers")
    return array.astype(np.float64)


def mixture(game: str, what: str, values: object, k: int) -> Float:
    """``values`` if they are ``k`` positive shares that sum to 1 (within 1e-9)."""
    shares = numbers(game, what, values, k)
    if not (shares > 0).all() or not abs(shares.sum() - 1) <= 1e-9:
        raise GameError(
            f"{game}: {what} is {values!r}, expected positive shares that sum to 1; "
            "drop a group of share 0, divide the others by their sum"
        )
    return shares
