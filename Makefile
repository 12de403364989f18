# `make run`, `make llm` and `make test` need Python 3.11 or newer, make and pip; `make` alone lists the targets.

PYTHON ?= python3

.NOTPARALLEL:
.PHONY: help run llm test bench clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

run: .venv/core ## install into .venv, run the quick matrix, print its table
	@.venv/bin/prefgames run quick

llm: .venv/llm ## install torch and transformers too, run the quick matrix of language models
	@.venv/bin/prefgames run llm_quick

test: .venv/test ## install the test tools too, then run the whole check
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -m pytest -n auto

bench: .venv/test ## time the solvers and measure their memory; JSON and report go to runs/
	@mkdir -p runs
	file="runs/perf-$$(date +%Y%m%d-%H%M%S).json"; \
	.venv/bin/python -m pytest benchmarks/perf --benchmark-columns=min,median,rounds \
		--benchmark-json="$$file" && .venv/bin/prefgames report "$$file"

clean: ## delete .venv, caches and build products, and keep runs/
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/core: pyproject.toml constraints.txt
	$(call install,)
	@touch .venv/core

.venv/llm: pyproject.toml constraints.txt
	$(call install,[llm])
	@touch .venv/core .venv/llm

.venv/test: pyproject.toml constraints.txt
	$(call install,[test$(comma)llm])
	@touch .venv/core .venv/llm .venv/test

# .venv/home holds the path of a whole .venv and nothing while one is being made or filled: half an
# install cannot be told from a whole one, and scripts do not survive a move, so both start anew.
# A .venv that was made by hand has no such file and is taken over as it is.
kept := $(shell { [ ! -e .venv/home ] || [ "$$(cat .venv/home)" = "$$(pwd -P)" ]; } \
	&& .venv/bin/python -c "" 2>/dev/null && echo yes)
ifndef kept
.PHONY: .venv/core .venv/llm .venv/test
endif

comma := ,
define install
$(if $(kept),,$(if $(complaint),$(error $(complaint))))
@echo "Installing prefgames$(1) into .venv (minutes the first time, seconds later)" >&2
$(if $(kept),,@rm -rf .venv && mkdir .venv && : > .venv/home && "$(PYTHON)" -m venv .venv)
@: > .venv/home
@.venv/bin/python -m pip install -qq --constraint constraints.txt --editable ".$(1)"
@pwd -P > .venv/home
endef

version = "$(1)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
supported = case "$$($(call version,$(1)))" in (3.1[1-9]|3.[2-9][0-9]) ;; (*) false ;; esac
complaint = $(shell \
	if ! $(call supported,$(PYTHON)); then \
		found=$$($(call version,$(PYTHON))); \
		for other in python3.14 python3.13 python3.12 python3.11; do \
			if $(call supported,$$other); then here="$$other is on the PATH, "; break; fi; \
		done; \
		echo "prefgames needs Python 3.11 or newer, $(PYTHON) is $${found:-missing};" \
			"$${here:-install one and }run make with PYTHON=$$other"; \
	elif ! "$(PYTHON)" -c "import ensurepip, venv" 2>/dev/null; then \
		echo "$(PYTHON) has no venv or no pip; install them (Debian: apt install python3-venv)"; \
	fi)
