# Everything starts here: `make demo` shows the toolkit, `make test` proves it, `make help` lists the rest.
# Paths are relative to this folder, so that a folder name with spaces works.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8501
WORKERS ?= auto
UPGRADE ?=
PYTEST_OPTIONS ?=

BIN := $(VENV)/bin
UV := $(BIN)/python -m uv
DEMO := build/demo
DEMO_DATA := data/eomhs-1.0.0-synthetic
DEMO_DATABASE := sqlite:///$(DEMO)/eot.db
COMPILE := $(UV) pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_PYTHON_DOWNLOADS := never
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.PHONY: help setup dev browser demo test lint types imports bench lock clean
.DELETE_ON_ERROR:

help: ## List what can be made.
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1|/' | while IFS='|' read -r name text; do \
		printf '  make %-9s %s\n' "$$name" "$$text"; done

setup: $(VENV)/setup.stamp ## Make the virtual environment .venv with the locked requirements.
	@echo "Set up in $(VENV); the command line is $(BIN)/eot."

$(VENV)/setup.stamp: requirements/setup.txt requirements/runtime.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "Python was not found. Install it with: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Python 3.11, 3.12 or 3.13 is needed; '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "Name another one with: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make virtual environments. Mend it with: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "[1/5] Virtual environment in $(VENV) with $$($(BIN)/python -V)"
	@echo "[2/5] Installer and build backend, pinned by hash"
	@$(BIN)/python -m pip install --quiet --quiet --require-hashes --only-binary :all: -r requirements/setup.txt
	@echo "[3/5] Locked requirements (about 300 MB at the first time)"
	@$(UV) pip install --compile-bytecode --require-hashes --no-build-isolation -r requirements/runtime.txt
	@echo "[4/5] The toolkit itself"
	@$(UV) pip install --quiet --compile-bytecode --no-deps --no-build-isolation --editable .
	@echo "[5/5] Compiling the numeric kernels (about half a minute at the first time)"
	@$(BIN)/python -m toolkit.psychometrics._compiled
	@touch $@

dev: $(VENV)/dev.stamp

$(VENV)/dev.stamp: $(VENV)/setup.stamp requirements/dev.txt
	@echo "Locked requirements of the tests"
	@$(UV) pip install --compile-bytecode --require-hashes --no-build-isolation -r requirements/dev.txt
	@touch $@

browser: dev
	@if [ -n "$$EOT_CHROMIUM" ]; then \
		[ -x "$$EOT_CHROMIUM" ] || { echo "EOT_CHROMIUM names no program: $$EOT_CHROMIUM" >&2; exit 1; }; \
		echo "Browser: $$EOT_CHROMIUM"; \
	elif found=$$(command -v chromium || command -v chromium-browser || command -v google-chrome); then \
		echo "Browser: $$found"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Browser: installing Chromium with apt"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; \
	else \
		echo "Browser: downloading Chromium with Playwright"; \
		$(BIN)/python -m playwright install chromium; \
	fi

demo: setup ## Write a validation report, load a demo database and start the app on http://localhost:8501.
	@mkdir -p $(DEMO)
	@echo "[1/3] Validation report of $(DEMO_DATA): $(DEMO)/report/report.html"
	@$(MAKE) --no-print-directory -s $(DEMO)/report/report.html
	@echo "[2/3] Database with four services over four waves, and a wave to answer: $(DEMO)/eot.db; links in $(DEMO)/invitations.csv"
	@$(BIN)/eot store demo --database $(DEMO_DATABASE) --address http://localhost:$(PORT)
	@echo "[3/3] The app on http://localhost:$(PORT)"
	@trap 'exit 0' INT TERM; $(BIN)/eot serve --demo --database $(DEMO_DATABASE) --port $(PORT)

$(DEMO)/report/report.html: $(DEMO_DATA)/responses.csv $(VENV)/setup.stamp $(shell find toolkit instruments -type f -not -name '*.pyc')
	@$(BIN)/eot validate --instrument eomhs@1.0.0 --responses $(DEMO_DATA)/responses.csv --out $(DEMO)/report
	@touch $@

test: browser ## Run the whole test suite with coverage printed.
	$(BIN)/python -m pytest -m "not bench and not e2e" -n $(WORKERS) --dist loadfile --cov --cov-report= $(PYTEST_OPTIONS)
	@# Browser tests have the machine to themselves: a person's browser does not share it with a thousand other tests.
	$(BIN)/python -m pytest -m e2e tests/e2e --cov --cov-append --cov-report=term $(PYTEST_OPTIONS) \
		|| { code=$$?; [ -n "$(PYTEST_OPTIONS)" ] && [ $$code = 5 ]; }

lint: dev ## Check style and format with ruff.
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: dev ## Check types with mypy, strictly.
	$(BIN)/python -m mypy

imports: dev ## Check that the rooms of toolkit/ depend one way.
	$(BIN)/lint-imports

bench: dev ## Measure speed against the peers; never fails on time.
	$(BIN)/python -m pytest -m bench tests/bench -s

lock: $(VENV)/setup.stamp ## Pin the requirements anew (UPGRADE=--upgrade for the newest versions).
	$(COMPILE) --group setup -o requirements/setup.txt
	$(COMPILE) -c requirements/setup.txt pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --group dev -c requirements/setup.txt -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt

clean: ## Remove the virtual environment, what was built and all caches.
	rm -rf $(VENV) build .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
