"""Games and comparisons from users' files: one module a format, `load` and `save` for all."""

from games.io.files import load as load
from games.io.files import save as save
