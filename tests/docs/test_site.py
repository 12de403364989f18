"""The site is built without a warning and without a network, and holds what the code defines."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.spec import Entry, ExperimentEntry, Spec
from games import GAMES
from results.hypotheses import Hypothesis
from results.metrics import METRICS
from results.rows import COLUMNS, STRENGTHS, Status
from solvers import SOLVERS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as ``make docs`` builds it; a proxy that nobody answers stands for no network."""
    pytest.importorskip("sphinx", reason="the site needs the extra docs")
    target = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, "-d", target / "doctrees", ROOT / "docs", target / "html"],
        cwd=ROOT,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return target / "html"


def codes(site: Path, page: str) -> set[str]:
    """What is set as code on a page."""
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    spans = re.findall(r'<code class="docutils literal notranslate">(.*?)</code>', text)
    return {re.sub(r"<[^>]+>", "", span) for span in spans}


def test_references_hold_everything_that_the_code_defines(site: Path) -> None:
    assert set(METRICS) <= codes(site, "metrics")
    assert {*COLUMNS, *STRENGTHS, *get_args(Status)} <= codes(site, "results")
    for model in (Spec, Entry, ExperimentEntry, Hypothesis):
        assert set(model.model_fields) <= codes(site, "specs")
    for page, registry in (("methods", SOLVERS), ("catalogue", GAMES)):
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        for name in registry:
            assert f"<h3>{name}<a" in text


def test_the_api_of_language_models_needs_none(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    for name in ("llm.make_learner", "llm.language_solver.LanguageSolver", "llm.judges.Judge"):
        assert f'id="{name}"' in text
    assert 'id="llm.training.dataclass"' not in text


def test_nothing_on_a_page_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'(?:src|<link[^>]+href)="(https?:[^"]+)', text)
        assert not fetched, f"{page.name}: {fetched}"
