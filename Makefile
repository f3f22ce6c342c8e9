# Every target works from a bare clone with Python 3.11 to 3.13, pip and venv; what else it needs,
# it installs into .venv from requirements/, which lock everything (so pip need not resolve).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test coverage test-long lint bench docs man lock clean

help: ## list the targets (this)
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 16

# The file is big enough for the bar to be seen.
demo: $(VENV)/.demo demo-file.bin ## send 1 GiB to a receiver of its own, into ./received
	$(BIN)/filebody try demo-file.bin

demo-file.bin:
	@echo "making $@: 1 GiB of random bytes"
	@head -c 1073741824 /dev/urandom >$(VENV)/$@.part
	@mv $(VENV)/$@.part $@

# tests/run.sh has the details and the environment variables.
test: $(VENV)/.dev ## run all tests; what this machine lacks is skipped and named at the end
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh

# The floors are for a machine with every peer program (.ci/install-peers).
coverage: $(VENV)/.dev ## run all tests, and hold coverage to its floors
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh --coverage

test-long: $(VENV)/.dev ## run the long forms, then all tests five times in random order
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh --long

lint: $(VENV)/.dev ## run the linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/towncrier build --draft --version next >/dev/null

bench: $(VENV)/.dev ## compare with other clients
	$(BIN)/python -m benchmarks.run

docs: $(VENV)/.dev ## build the documentation
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

man: $(VENV)/.dev ## make the manual pages from the help
	$(BIN)/python tools/man_pages.py docs/_build/man
	@echo "read: man docs/_build/man/filebody.1"

# Commit the result.
lock: $(VENV)/.dev ## lock the dependencies that pyproject.toml names
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --no-annotate --extra cli -o requirements/demo.txt \
		pyproject.toml requirements/build.in
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --no-annotate --extra dev -o requirements/dev.txt \
		pyproject.toml requirements/build.in -c requirements/demo.txt

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])' || \
		{ echo "filebody needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r $<
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean: ## remove what the other targets made
	rm -rf $(VENV) .venv-* docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
