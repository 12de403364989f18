"""A weak cycle."""

from games.game import PreferenceGame


def weak_cycle(margin: float = 0.1) -> PreferenceGame:
    """Each of three answers beats the next by a margin."""
    win, lose = 0.5 + margin, 0.5 - margin
    return PreferenceGame([[0.5, win, lose], [lose, 0.5, win], [win, lose, 0.5]])
