# Every target installs what it needs into .venv first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Without it, every process that is started would compile all that it imports: the suite starts a thousand.
unexport PYTHONDONTWRITEBYTECODE
# Files of this project are in UTF-8, whatever the locale says.
export PYTHONUTF8 := 1

PYTHON ?= python3
BIN := .venv/bin
LOCAL := PYTHONPATH=layers/import_watch:functions $(BIN)/python -m local

.PHONY: help demo test test-unit linted typed template-checked definition-checked storm up down watch redrive replay bench dashboard audit build deploy lock format

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/installed: requirements-dev.txt
	@echo "Installing what this needs into .venv (once) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=…")'
	@$(PYTHON) -m venv .venv
	@# uv is one of them, and installs the others in a tenth of the time.
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements-dev.txt > .venv/uv.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement .venv/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-dev.txt
	@touch $@

demo: .venv/installed ## the main job on the embedded default, start to end, for the three vendors
	@$(LOCAL) demo

test: .venv/installed ## the whole test suite, linters and type checks included; what CI runs
	@$(MAKE) --no-print-directory --jobs 2 linted typed template-checked definition-checked .venv/sam/installed .venv/aws/installed
	@# Three for two cores: much of what the stacks do is to wait.
	$(BIN)/pytest -n 3 --dist loadgroup --durations 10
	@echo "Known vulnerabilities: left out, since they change without us; 'make audit' asks, and CI does."

test-unit: .venv/installed ## the unit tests alone, in under a minute
	$(BIN)/pytest -n 2 --dist loadgroup tests/unit

linted: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PYTHONPATH=layers/import_watch $(BIN)/lint-imports

typed: .venv/installed
	$(BIN)/mypy

template-checked: .venv/installed .venv/checks/installed
	$(BIN)/cfn-lint template.yaml
	@mkdir -p .local && PYTHONPATH=. $(BIN)/python tests/static/translate_template.py .local/translated-template.json
	$(BIN)/cfn-lint .local/translated-template.json
	.venv/checks/bin/checkov --config-file .checkov.yaml

definition-checked: .venv/installed
	@PATH="$$PWD/$(BIN):$$PATH" tests/static/validate_definition.sh

storm: .venv/installed ## [N=…] [SEED=…] [KEEP=folder]: many imports through a storm of faults, ending with a table
	@PYTHONPATH=layers/import_watch:functions $(BIN)/python -m tests.resilience $(or $(N),300) $(or $(SEED),1) $(if $(KEEP),--keep $(KEEP))

up: .venv/installed ## the local stack, left running: writes .local/stack.json
	@$(LOCAL) up

down: .venv/installed ## ends the local stack
	@$(LOCAL) down

watch: .venv/installed ## VENDOR=… IMPORT_ID=… [CONNECTION=…]: watch one real import from this machine
	@: $${VENDOR:?is missing: make watch VENDOR=egain IMPORT_ID=…} $${IMPORT_ID:?is missing: make watch VENDOR=egain IMPORT_ID=…}
	@$(LOCAL) watch "$$VENDOR" "$$IMPORT_ID" --connection "$${CONNECTION:-default}"

redrive: .venv/installed ## [STACK=import-watch]: put dead letters back where they belong
	@PYTHONPATH=layers/import_watch $(BIN)/python -m operations redrive --stack "$${STACK:-import-watch}"

replay: .venv/installed ## WATCH=vendor#connection#importId [STACK=import-watch]: publish a lost notification again
	@: $${WATCH:?is missing: make replay WATCH=egain#default#…}
	@PYTHONPATH=layers/import_watch $(BIN)/python -m operations replay "$$WATCH" --stack "$${STACK:-import-watch}"

.venv/bench-installed: requirements-bench.txt | .venv/installed
	@echo "Installing what draws the benchmarks' pictures into .venv (once) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-bench.txt
	@touch $@

bench: .venv/bench-installed ## the benchmarks, ending with tables of ratios against the peers
	@PYTHONPATH=layers/import_watch:functions $(BIN)/python -m benchmarks

dashboard: .venv/bench-installed ## draw docs/images/dashboard.png from what a storm of 100 imports measures
	@$(MAKE) --no-print-directory storm N=100 SEED=1 KEEP=.local/storm
	@$(LOCAL).dashboard .local/storm/wave-1/measurements.json

.venv/checks/installed: requirements-checks.txt | .venv/installed
	@echo "Installing checkov and pip-audit into .venv/checks (once) …"
	@$(PYTHON) -m venv .venv/checks
	@$(BIN)/uv pip install --quiet --python .venv/checks/bin/python --require-hashes --requirement requirements-checks.txt
	@touch $@

audit: .venv/checks/installed ## [CI=1]: known vulnerabilities of what the lock files pin, as far as the registry tells
	@$(BIN)/python tests/static/audit_locks.py $${CI:+--must-be-told}

.venv/sam/installed: requirements-sam.txt | .venv/installed
	@echo "Installing the SAM CLI into .venv/sam (once) …"
	@$(PYTHON) -m venv .venv/sam
	@$(BIN)/uv pip install --quiet --python .venv/sam/bin/python --require-hashes --requirement requirements-sam.txt
	@touch $@

.venv/aws/installed: requirements-aws.txt | .venv/installed
	@echo "Installing the AWS CLI into .venv/aws (once) …"
	@$(PYTHON) -m venv .venv/aws
	@$(BIN)/uv pip install --quiet --python .venv/aws/bin/python --require-hashes --requirement requirements-aws.txt
	@touch $@

build: .venv/sam/installed ## [LAMBDA_PYTHON=…]: sam build, the layer for Lambda, from any host
	@find functions -type d -name __pycache__ -prune -exec rm -rf {} + # or each deploy would look changed
	@# An interpreter that uv has installed will do as well as one on the path.
	LAMBDA_PYTHON="$${LAMBDA_PYTHON:-$$($(BIN)/uv python find --no-python-downloads --managed-python 3.13 2>/dev/null || true)}" \
		SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam build

deploy: build ## sam deploy: guided the first time, then as you answered
	@if [ -f samconfig.local.toml ]; then \
		SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam deploy --config-file "$$PWD/samconfig.local.toml"; \
	else \
		cp samconfig.toml samconfig.local.toml; \
		SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam deploy --guided --config-file "$$PWD/samconfig.local.toml" \
			|| { rm -f samconfig.local.toml; exit 1; }; \
	fi

lock: .venv/installed ## pin what requirements*.in name, with hashes
	for name in dev sam bench aws checks; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--custom-compile-command "make lock" requirements-$$name.in --output-file requirements-$$name.txt; \
	done
	cd benchmarks/cold_start/peer && ../../../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --custom-compile-command "make lock" requirements.in --output-file requirements.txt
	cd layers/import_watch && ../../$(BIN)/uv pip compile --quiet --python-version 3.13 \
		--python-platform aarch64-manylinux2014 --generate-hashes --custom-compile-command "make lock" \
		requirements.in --output-file requirements.txt

format: .venv/installed ## lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
