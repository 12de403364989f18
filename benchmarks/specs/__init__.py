"""The specs that come with the package; `prefgames ls specs` lists them."""
