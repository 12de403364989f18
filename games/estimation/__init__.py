"""Preference models: from comparisons to a game, one file an estimator."""

from games.estimation.estimator import Estimator as Estimator
from games.estimation.estimator import Fit as Fit
from games.estimation.estimator import log_loss as log_loss
from games.registry import Registry

ESTIMATORS: Registry[type[Estimator]] = Registry("estimator", __name__, "prefgames.estimators")
