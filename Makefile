# `make run`, `make llm` and `make test` need Python 3.11 or newer, make and pip; `make` alone lists the targets.

PYTHON ?= python3

.NOTPARALLEL:
.PHONY: help run llm test bench docs figures publish clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

run: .venv/core ## install into .venv, run the quick matrix, print its table
	@.venv/bin/python -m benchmarks run quick

llm: .venv/llm ## install torch and transformers too, run the quick matrix of language models
	@.venv/bin/python -m benchmarks run llm_quick

test: .venv/test ## install the test tools too, then run the whole check
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -m pytest -n auto

bench: .venv/test ## time the solvers and measure their memory; JSON and report go to runs/
	@mkdir -p runs
	file="runs/perf-$$(date +%Y%m%d-%H%M%S).json"; \
	.venv/bin/python -m pytest benchmarks/perf --benchmark-columns=min,median,rounds \
		--benchmark-json="$$file" && .venv/bin/python -m benchmarks report "$$file"

docs: .venv/docs ## build the site with Sphinx into build/docs; warnings are errors
	.venv/bin/python -m sphinx -E -W -n --keep-going -q -d build/doctrees docs build/docs
	@echo "open build/docs/index.html"

figures: .venv/core ## draw the papers' figures and tables from the published runs into figures/
	@.venv/bin/python -m results.gallery_index

publish: ## copy a finished run into results/published: make publish RUN=runs/paper-0123abcd
	@.venv/bin/python -m benchmarks.publish $(RUN)

clean: ## delete .venv, caches and build products, and keep runs/
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps go before pip starts and come back when it is done: after an interruption the next make installs again.
.venv/core .venv/llm .venv/docs .venv/test: pyproject.toml constraints.txt
	$(if $(call says,$(new_enough)),,$(error prefgames needs Python 3.11 or \
		newer, and $(PYTHON) is not; name another: make PYTHON=python3.12))
	$(if $(call says,$(complete)),,$(error $(PYTHON) has no venv or no pip; \
		install them (Debian: apt install python3-venv)))
	@echo "Installing prefgames into .venv (minutes the first time, seconds later)" >&2
	@rm -f .venv/core .venv/llm .venv/docs .venv/test
	@"$(PYTHON)" -m venv .venv
	@.venv/bin/python -m pip install -qq --constraint constraints.txt --editable ".$(extras_$(@F))"
	@touch .venv/core $(holds_$(@F)) $@

new_enough = import sys; print(sys.version_info >= (3, 11))
complete = import ensurepip, venv; print(True)
says = $(filter True,$(shell "$(PYTHON)" -c "$(1)" 2>/dev/null))
extras_llm = [llm]
extras_docs = [docs]
extras_test = [test,llm]
holds_test = .venv/llm .venv/docs
