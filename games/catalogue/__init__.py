"""stub"""

from games.registry import Registry

GAMES = Registry("game")
