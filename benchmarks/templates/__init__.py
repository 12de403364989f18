"""What ``prefgames new`` writes: files that pass ``prefgames check`` as they are."""
