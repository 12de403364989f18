"""Models are loaded as they were saved; what cannot be loaded is one readable error."""

import socket
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="language models need the extra llm")

from games import SolverError
from llm.models import load, save
from llm.policy import Policy
from tests.small_models import equal, parameters


def test_saved_and_loaded(tuned_policy: Policy, tmp_path: Path) -> None:
    save(tuned_policy, tmp_path)
    back = load(str(tmp_path))
    assert equal(parameters(back), parameters(tuned_policy))
    for args in (("which ?",), ("Question 1 : which answer ?", "b d a")):
        assert back.context(*args) == tuned_policy.context(*args)
    assert back.completion("b d a") == tuned_policy.completion("b d a")
    assert back.text(back.completion("b d a")) == "b d a"
    assert back.end == tuned_policy.end
    assert load(str(tmp_path), dtype="bfloat16").model.dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["no such model", "no-one/such-model"])
def test_a_name_that_says_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **settings: Any) -> Any:
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SolverError, match=f"model '{name}' cannot be loaded: "):
        load(name)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match="cannot be loaded"):
        load(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "no such architecture"}')
    with pytest.raises(SolverError, match="cannot be loaded"):
        load(str(tmp_path))
