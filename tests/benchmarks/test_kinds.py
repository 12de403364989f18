"""The table of kinds agrees with the registries that it names."""

import pytest

from benchmarks.kinds import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_names_its_plugins_as_its_registry_does(name: str) -> None:
    kind = KINDS[name]
    if kind.scale == "llm":
        pytest.importorskip("torch", reason="language models need the extra llm")
    registry = kind.plugins()
    plugin = next(iter(registry))
    assert kind.attribute(plugin) == registry.attribute(plugin)
    assert kind.function == registry.function
