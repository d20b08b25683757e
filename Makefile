# Two commands do everything on a machine with Python >= 3.11, git and make:
#   make demo    two simulated pilot factories in a browser page
#   make test    the tests
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install install-test demo test lint proof bench ledger interop bundle clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

install-test: .venv/installed-test

.venv/installed-test: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/installed $@

demo: install
	$(BIN)/twin demo

# Four at once, a file each: much of the time they wait, and what a file needs is built once.
test: install-test
	$(BIN)/python -m pytest -m "not slow" -n 4 --dist loadscope --ignore=tests/faults
	$(BIN)/python -m pytest -m "not slow" -n 4 --dist loadscope tests/faults

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What takes longer than CI allows: every test, every fault on every broker and store, ten thousand schedules.
proof: lint
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --ignore=tests/faults
	$(BIN)/python -m pytest -n 3 tests/faults

# Each fault at length, and what came of it into docs/loss-ledger.md; fails if anything was lost.
ledger: install-test
	$(BIN)/python tests/faults/ledger.py docs/loss-ledger.md

# Other people's clients, live, and what came of them into docs/reference/interop.md; fails if a value is not stored as sent.
interop: install-test
	$(BIN)/python tests/interop/report.py docs/reference/interop.md

# Everything that twin bench measures, the long form, into docs/performance.md.
bench: install-test
	$(BIN)/python tests/benchmarks/performance.py docs/performance.md

# Rebuild the browser bundle from dashboards/web (needs Node).
bundle:
	cd dashboards/web && npm ci && npm run build

clean:
	rm -rf .venv data
