# Every target works from a bare clone with Python 3.11 to 3.13, pip and venv; what else it needs,
# it installs into .venv from the locked versions in requirements/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long coverage lint bench docs lock clean

# Sends a file to a receiver of its own, into ./received; big enough for the bar to be seen.
demo: $(VENV)/.demo demo-file.bin
	$(BIN)/filebody try demo-file.bin

demo-file.bin:
	@echo "making $@: 1 GiB of random bytes"
	@head -c 1073741824 /dev/urandom >$(VENV)/$@.part
	@mv $(VENV)/$@.part $@

# All tests, several at a time. What this machine lacks is skipped and told at the end.
test: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh

# Their long form, and then all of them five times in random order.
test-long: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh --long

# The same as `make test` with the coverage of src/filebody and its floors; every peer must be there for those.
coverage: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh --coverage

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/towncrier build --draft --version next >/dev/null

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.run

docs: $(VENV)/.dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# Anew from pyproject.toml; commit the result.
lock: $(VENV)/.dev
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
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) .venv-* docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
