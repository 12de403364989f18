"""The contract of a learner: checks that anyone can run; the project's own tests run them too.

``prefgames check NAME-or-FILE`` prints them. The law among them: the gradient of the loss, with
every draw enumerated instead of sampled, is the gradient on the table of answers.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any, get_args

import numpy as np
import torch

from benchmarks.conformance.enumeration import TablePolicy, enumerated_loss
from benchmarks.conformance.outcome import (
    DoesNotApply,
    Failed,
    Outcome,
    outcomes_of,
)
from games import PreferenceGame, numerics
from games.game import Float
from games.registry import camel_case
from llm.judges.bradley_terry import BradleyTerryJudge
from llm.judges.game import GameJudge
from llm.learners.learner import Learner
from llm.rollout import Rollout
from llm.tasks import Task, verbalize
from solvers import SOLVERS
from solvers.solver import Concept

_TEXTS = ("a", "b c", "b c a", "d")  # one begins another: its end is a choice too
_TOL = 1e-5


def run(kind: type[Learner], name: str | None = None) -> list[Outcome]:
    """Run every check of a learner class, with default parameters.

    Parameters
    ----------
    kind : Learner class
    name : str, optional
        Registry name; the last part of the module's name if left out.
    """
    name = name or kind.__module__.rpartition(".")[2]
    of_class: dict[str, Callable[[], str | None]] = {
        "name": partial(_name, kind, name),
        "claims": partial(_claims, kind),
    }
    return outcomes_of(kind, of_class, CHECKS)[1]


# --- a generic game and rollout -------------------------------------------------------------------


def situation(seed: int, texts: Sequence[str] = _TEXTS) -> tuple[PreferenceGame, Task]:
    """A random game with unequal references and pairs, and its task."""
    rng = np.random.default_rng(seed)
    n = len(texts)
    wins = np.triu(rng.uniform(0.05, 0.95, (n, n)), 1)
    wins = wins + np.tril(1 - wins.T, -1) + np.eye(n) / 2
    pairs = np.triu(rng.uniform(0.5, 2.0, (n, n)), 1)
    ref, rows = rng.dirichlet(np.full(n, 3.0)), rng.dirichlet(np.full(n, 3.0), n)
    game = PreferenceGame(wins, ref, rows, pairs + pairs.T)
    return game, verbalize(game, texts)


def rollout_of(
    learner: Learner, game: PreferenceGame, task: Task, logits: Any, seed: int = 0
) -> Rollout:
    """A rollout whose policies are tables at ``logits``, with the references of the game.

    Parameters
    ----------
    logits : float arrays (n,), (n, n) and (n,)
        Leader, follower, and the last policy or the opponent.
    """
    leader, follower, other = logits
    log_ref_follower = game.log_ref_follower(slice(None))
    judge: Any = BradleyTerryJudge if learner.needs == "rewards" else GameJudge
    generator = torch.Generator()
    generator.manual_seed(seed)
    second = TablePolicy(task, (other, log_ref_follower))
    data: list[tuple[str, str, str]] = []
    if learner.needs == "dataset":
        data = [(task.prompts[0], task.answers[0], task.answers[1])]
    return Rollout(
        policy=TablePolicy(task, (leader, follower)),
        reference=TablePolicy(task, (game.log_ref, log_ref_follower)),
        judge=judge(game, task.prompts, task.answers),
        prompts=task.prompts,
        generator=generator,
        follower=TablePolicy(task, (leader, follower)) if learner.separate_follower else None,
        opponent=second if learner.extragradient else None,
        previous=second if learner.refresh_every else None,
        data=data,
    )


def gradients(
    learner: Learner, game: PreferenceGame, task: Task, logits: Any
) -> tuple[list[Float], list[Float]]:
    """Gradient of the enumerated loss in the tables' parameters, and the one it should be.

    The second is sum_y g_y d log pi(y) / d parameter, g = ``learner.tabular_gradient``.
    """
    leader, follower, other = logits
    rollout = rollout_of(learner, game, task, logits)
    paired = learner.concept == "slhf"
    theta = (leader, follower) if paired else leader
    of_leader, of_follower = learner.tabular_gradient(game, theta, other)
    policies = [rollout.policy] + ([rollout.follower] if rollout.follower is not None else [])
    tables = [policy.parameter for policy in policies if isinstance(policy, TablePolicy)]
    got = torch.autograd.grad(enumerated_loss(learner, rollout, game), tables)

    ends = [rollout.policy.completion(answer) for answer in task.answers]
    answers = rollout.policy.log_probs([rollout.policy.context(task.prompts[0])] * len(ends), ends)
    total = (torch.as_tensor(of_leader) * answers).sum()
    if of_follower is not None:
        by = rollout.follower or rollout.policy
        contexts = [by.context(task.prompts[0], answer) for answer in task.answers for _ in ends]
        revised = by.log_probs(contexts, ends * len(ends)).reshape(len(ends), -1)
        total = total + (torch.as_tensor(of_follower) * revised).sum()
    want = torch.autograd.grad(total, tables)
    return [torch.nan_to_num(g).numpy() for g in got], [torch.nan_to_num(g).numpy() for g in want]


def generic_logits(seed: int, n: int) -> tuple[Float, Float, Float]:
    """Random logits of leader, follower, and last policy or opponent, far from uniform."""
    rng = np.random.default_rng(1000 + seed)
    return rng.normal(size=n), rng.normal(size=(n, n)), rng.normal(size=n)


# --- the checks -----------------------------------------------------------------------------------


def _name(kind: type[Learner], name: str) -> None:
    if kind.__name__ != camel_case(name):
        raise Failed(f"{name}.py should hold {camel_case(name)}, not {kind.__name__}")


def _claims(kind: type[Learner]) -> str:
    if not dataclasses.is_dataclass(kind) or not kind.__dataclass_params__.frozen:
        raise Failed("expected a frozen dataclass: @dataclass(frozen=True)")
    if kind.concept not in get_args(Concept):
        raise Failed(f"concept is {kind.concept!r}, expected one of {get_args(Concept)}")
    if kind.needs not in ("judge", "rewards", "dataset"):
        raise Failed(f"needs is {kind.needs!r}, expected judge, rewards or dataset")
    if kind.solver and SOLVERS[kind.solver].concept != kind.concept:
        raise Failed(f"mirrors {kind.solver}, whose concept is {SOLVERS[kind.solver].concept!r}")
    if not kind.paper:
        raise Failed("paper is empty")
    return f"mirrors {kind.solver}" if kind.solver else "mirrors no solver"


def gradient(learner: Learner) -> str:
    """With every draw enumerated, the gradient is the tabular one."""
    worst = 0.0
    for seed in range(3):
        game, task = situation(seed)
        got, want = gradients(learner, game, task, generic_logits(seed, game.n))
        size = max(abs(g).max() for g in want)
        off = max(float(abs(a - b).max()) for a, b in zip(got, want, strict=True))
        if not off <= _TOL:
            raise Failed(f"differs by {off:.2g} (the largest entry is {size:.2g}), seed {seed}")
        worst = max(worst, off)
    return f"equal to {worst:.0e}"


def rest(learner: Learner) -> str:
    """At the target, the gradient vanishes; away from it, it does not."""
    game, task = situation(0)
    ends = TablePolicy(task, generic_logits(0, game.n)[:2]).ends
    target = learner.target(game, ends)
    if target is None:
        raise DoesNotApply("it has no target")
    if learner.needs == "judge" and getattr(learner, "mixture", 0) not in (0, 1):
        raise DoesNotApply("its opponent is mixed token by token, which a table of answers is not")
    follower = numerics.log(game.ref[None] if target.follower is None else target.follower)
    theta = (target.log_policy, follower) if learner.concept == "slhf" else target.log_policy
    away = generic_logits(0, game.n)[:2] if learner.concept == "slhf" else generic_logits(0, 4)[0]
    near, far = (
        max(
            float(abs(part).max())
            for part in learner.tabular_gradient(game, at, second)
            if part is not None
        )
        for at, second in ((theta, target.log_policy), (away, generic_logits(0, game.n)[2]))
    )
    if not (near <= 1e-8 < far):
        raise Failed(f"the gradient is {near:.2g} at the target and {far:.2g} elsewhere")
    return f"{near:.0e} at the target, {far:.2g} elsewhere"


def losses(learner: Learner) -> None:
    """The loss is one finite number a row, and the same generator gives the same loss."""
    game, task = situation(1)
    values = []
    for _ in range(2):
        rollout = rollout_of(learner, game, task, generic_logits(1, game.n))
        rollout = dataclasses.replace(rollout, prompts=[*task.prompts] * 7)
        values.append(learner.loss(rollout))
    if values[0].shape != (7,) or not bool(torch.isfinite(values[0]).all()):
        raise Failed(f"expected 7 finite numbers for 7 prompts, got {tuple(values[0].shape)}")
    if not torch.equal(*values):
        raise Failed("the same generator gives different losses; draw with rollout alone")


def pickling(learner: Learner) -> None:
    """A worker process gets an equal learner."""
    if copy.deepcopy(learner) != learner:
        raise Failed("a deep copy differs")
    if ForkingPickler.loads(ForkingPickler.dumps(learner)) != learner:
        raise Failed("what comes back from a worker process differs")


CHECKS: list[Callable[[Learner], str | None]] = [gradient, rest, losses, pickling]
