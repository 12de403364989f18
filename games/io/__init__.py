"""Games and comparisons from users' files: one path for all, `load`, `read`, `write` and `save`."""

from games.io.files import counted as counted
from games.io.files import load as load
from games.io.files import read as read
from games.io.files import save as save
from games.io.records import Records as Records
from games.io.tables import Limits as Limits
from games.io.writing import write as write
