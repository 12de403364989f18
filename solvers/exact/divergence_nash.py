"""Newton's method for the equilibrium regularised by a divergence other than reverse KL."""

import numpy as np

from games.game import Float

_MAX_STEPS = 200


def mixed_kl_nash(P: Float, ref: Float, tau: float, forward: float) -> Float:
    """The equilibrium of one game under tau times a mean of KL(ref | pi) and KL(pi | ref).

    P pi + tau [forward ref / pi - (1 - forward) log(pi / ref)] = const, by Newton's method from
    large tau, halving it each time; steps keep pi positive.

    Parameters
    ----------
    P : float array (n, n)
    ref : float array (n,), > 0
    tau : float > 0
    forward : float in (0, 1]
        Weight of KL(ref | pi).

    Returns
    -------
    float array (n,)
    """
    n = len(ref)
    policy, last = ref.copy(), np.inf
    for stage in (tau * 2.0 ** np.arange(max(0, int(np.ceil(np.log2(8 / tau)))), -1, -1)).tolist():
        last = np.inf
        for _ in range(_MAX_STEPS):
            pull = forward * ref / policy - (1 - forward) * np.log(policy / ref)
            off = P @ policy + stage * pull
            # the constant is the mean of off under pi
            border = np.zeros((n + 1, n + 1))
            curved = forward * ref / policy**2 + (1 - forward) / policy
            border[:n, :n] = P - np.diag(stage * curved)
            border[:n, n], border[n, :n] = -1, 1
            goal = np.append(-off, 1 - policy.sum())
            step = np.linalg.solve(border, goal)[:n]
            size = abs(step / policy).max()
            length = 1.0 if size < 0.5 else 0.5 / size
            policy = policy + length * step
            if size < 1e-15 or (size < 1e-8 and size >= last):
                break
            last = size
    return np.asarray(policy / policy.sum())


def chi_square_nash(P: Float, ref: Float, tau: float) -> Float:
    """The equilibrium under tau chi^2(pi | ref): pi = ref max(0, 1 + (P pi - const) / (2 tau)).

    A linear complementarity problem. Given which answers are used it is a linear system; answers
    leave when their probability is negative and return when their payoff is above the constant,
    all at once while the number of wrong ones falls, else only the last wrong one (block principal
    pivoting with Murty's rule to fall back on). The caller certifies the answer.

    Parameters
    ----------
    P : float array (n, n)
    ref : float array (n,), > 0
    tau : float > 0

    Returns
    -------
    float array (n,)
    """
    n = len(ref)
    used, best, patience = np.ones(n, dtype=bool), n + 1, 10
    policy = ref
    for _ in range(100 * _MAX_STEPS):
        m = int(used.sum())
        border = np.zeros((m + 1, m + 1))
        border[:m, :m] = P[np.ix_(used, used)] - np.diag(2 * tau / ref[used])
        border[:m, m], border[m, :m] = -1, 1
        solved = np.linalg.solve(border, np.append(np.full(m, -2 * tau), 1.0))
        policy = np.zeros(n)
        policy[used] = solved[:m]
        wrong = np.where(used, policy < 0, P @ policy + 2 * tau - solved[m] > 1e-13)
        if not wrong.any():
            break
        if wrong.sum() < best:
            best, patience = int(wrong.sum()), 10
        else:
            patience -= 1
        if patience <= 0:
            wrong &= np.arange(n) == wrong.nonzero()[0][-1]
        used = used ^ wrong
        if not used.any():
            used[np.argmax(ref)] = True
    return np.asarray(policy)
