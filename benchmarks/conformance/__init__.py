"""The contract of every kind of plugin, as checks that anyone can run: ``prefgames check``."""
