"""Aliases: methods with the same exact update as a solver, under another name and parameters.

They run under the name of that solver; ``prefgames ls solvers`` lists them, and ``prefgames solve
--solver NAME`` accepts them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from games.errors import SpecError
from games.registry import near, parameters


@dataclass(frozen=True)
class Alias:
    """Another name for a solver.

    Attributes
    ----------
    name : str
    solver : str
        Registry name of the solver with the same exact update.
    params : callable
        Maps the parameters of the method's paper, with its defaults, to those of the solver.
    paper : str
    why : str
        In one line, why the two updates are equal.
    """

    name: str
    solver: str
    params: Callable[..., dict[str, Any]]
    paper: str
    why: str


def _dno(eta: float = 0.1) -> dict[str, Any]:
    return {"eta": eta}


def _mmd(alpha: float = 0.1, eta: float = 0.4) -> dict[str, Any]:
    return {"tau": alpha, "eta": _positive(eta) / (1 + eta * alpha)}


def _wind(beta: float = 0.1, eta: float = 1.0) -> dict[str, Any]:
    return {"tau": beta, "eta": _positive(eta) / (1 + eta * beta)}


def _omd(tau: float = 0.1, eta: float | None = None) -> dict[str, Any]:
    return {"tau": tau} if eta is None else {"tau": tau, "eta": eta}


def _nash_mirror_prox(beta: float = 0.1, eta: float = 2.0) -> dict[str, Any]:
    return {"tau": beta, "eta": _positive(eta) / (1 + eta * beta)}


def _comal_inpo(tau: float = 0.1, eta: float = 0.4, reset_every: int = 50) -> dict[str, Any]:
    if not 0 < eta * tau < 1:
        raise ValueError(f"eta tau is {eta * tau!r}, expected a number in (0, 1)")
    return {"tau": tau, "eta": eta / (1 - eta * tau), "reset_every": reset_every}


def _rloo(k: int = 4, beta: float = 0.1, eta: float = 1.0) -> dict[str, Any]:
    if not k >= 2:
        raise ValueError(f"k is {k!r}, expected at least 2 answers to leave one out")
    return {"tau": beta, "eta": eta, "samples": k}


def _onpo(eta: float = 0.5) -> dict[str, Any]:
    return {"tau": 0.0, "eta": eta}


def _positive(eta: float) -> float:
    if not eta > 0:
        raise ValueError(f"eta is {eta!r}, expected a number > 0")
    return eta


_EVERY = (
    Alias(
        "comal_inpo",
        "mpo",
        _comal_inpo,
        "Liu et al. 2024, arXiv:2410.23223",
        "its INPO inner loop is magnetic mirror descent between two moves of the magnet",
    ),
    Alias(
        "dno",
        "self_play_mwu",
        _dno,
        "Rosset et al. 2024, arXiv:2404.03715",
        "the regression onto the rewards P pi has the minimiser pi exp(eta P pi)",
    ),
    Alias(
        "mmd",
        "online_ipo_1",
        _mmd,
        "Sokota et al. 2023, arXiv:2206.05825",
        "(pi ref^(eta alpha) exp(eta P pi))^(1 / (1 + eta alpha)): step eta / (1 + eta alpha)",
    ),
    Alias(
        "nash_mirror_prox",
        "egpo",
        _nash_mirror_prox,
        "Tiapkin et al. 2025, arXiv:2505.19731",
        "its two proximal steps of size eta are the half and the full step at eta / (1 + eta beta)",
    ),
    Alias(
        "omd",
        "online_ipo_1",
        _omd,
        "Munos et al. 2023, arXiv:2312.00886; Shani et al. 2024",
        "another name of self-play mirror descent",
    ),
    Alias(
        "onpo",
        "omwu",
        _onpo,
        "Zhang et al. 2025, arXiv:2502.16852",
        "its two sequences with the entropic mirror map, without penalty",
    ),
    Alias(
        "rebel_self_play",
        "self_play_mwu",
        _dno,
        "Gao et al. 2024, arXiv:2404.16767",
        "its regression onto differences of P pi has the minimiser pi exp(eta P pi)",
    ),
    Alias(
        "rloo",
        "softmax_pg",
        _rloo,
        "Ahmadian et al. 2024, arXiv:2402.14740",
        "the sampled gradient: REINFORCE on k answers, each less the mean reward of the others",
    ),
    Alias(
        "wind",
        "online_ipo_1",
        _wind,
        "Yang et al. 2024, arXiv:2410.20727",
        "its win-rate form is magnetic mirror descent with the reference as the magnet",
    ),
)

ALIASES: dict[str, Alias] = {alias.name: alias for alias in _EVERY}


def resolve(name: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Registry name and parameters of the solver behind ``name``; both unchanged if no alias.

    Parameters that the alias does not translate (``samples``, ``max_steps``) are passed on.

    Raises
    ------
    SpecError
        If the alias cannot translate a parameter, or one that is passed on is set by the alias.
    """
    if name not in ALIASES:
        return name, dict(params)
    alias = ALIASES[name]
    translated = {k: value for k, value in params.items() if k in parameters(alias.params)}
    rest = {key: value for key, value in params.items() if key not in translated}
    try:
        mapped = alias.params(**translated)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise SpecError(
            f"{name}: {translated} cannot be translated for {alias.solver}: {error}"
        ) from None
    for key in rest:
        if key in mapped:
            names = parameters(alias.params)
            raise SpecError(
                f"{name}: {key!r} of {alias.solver} is set by the alias{near(key, names)}"
            )
    return alias.solver, {**mapped, **rest}
