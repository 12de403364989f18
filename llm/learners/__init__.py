"""Language-model counterparts of the solvers, by name; others are found through entry points."""

from games.registry import Registry
from llm.learners.learner import Account as Account
from llm.learners.learner import Draw as Draw
from llm.learners.learner import Learner as Learner
from llm.learners.learner import Play as Play
from llm.learners.learner import Scored as Scored
from llm.learners.learner import kl_penalty as kl_penalty
from llm.learners.learner import policy_gradient as policy_gradient

LEARNERS: Registry[type[Learner]] = Registry("learner", __name__, "prefgames.learners")
