"""What is chosen between: preference games, comparison data, measures of a policy on a game."""

from games import measures as measures
from games.catalogue import GAMES as GAMES
from games.comparisons import Comparisons as Comparisons
from games.errors import GameError as GameError
from games.errors import PrefgamesError as PrefgamesError
from games.errors import SolverError as SolverError
from games.errors import SpecError as SpecError
from games.game import PreferenceGame as PreferenceGame
from games.io.files import load as load
from games.known import Known as Known
from games.population import Population as Population
from games.registry import Registry as Registry
from games.score_game import ScoreGame as ScoreGame
