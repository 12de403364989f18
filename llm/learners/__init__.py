"""Language-model counterparts of the solvers, by name; others are found through entry points."""

from games.registry import Registry
from llm.learners.learner import Learner as Learner
from llm.learners.learner import kl_penalty as kl_penalty
from llm.learners.learner import policy_gradient as policy_gradient

LEARNERS: Registry[type[Learner]] = Registry("learner", __name__, "prefgames.learners")
