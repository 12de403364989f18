"""stub"""


def load(path): ...
